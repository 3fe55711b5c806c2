// Drives the client of the official TypeScript SDK before the client became a package of its own:
// `node client_sdk.mjs <name of the release in package.json>`.

import { serve } from './lines.mjs';
import { Person, comingBack } from './person.mjs';

const LISTS = {
    tools: 'listTools',
    resources: 'listResources',
    resourceTemplates: 'listResourceTemplates',
    prompts: 'listPrompts'
};

const QUESTIONS = {
    elicitation: 'ElicitRequestSchema',
    sampling: 'CreateMessageRequestSchema',
    roots: 'ListRootsRequestSchema'
};

const release = process.argv[2];
const { Client } = await import(`${release}/client/index.js`);
const { StdioClientTransport } = await import(`${release}/client/stdio.js`);
const types = await import(`${release}/types.js`);

const protocols = new WeakMap();

const steps = {
    discover: client => ({
        serverInfo: client.getServerVersion(),
        protocol: protocols.get(client),
        instructions: client.getInstructions(),
        capabilities: client.getServerCapabilities()
    }),

    async all_of(client, { kind }) {
        const found = [];
        let cursor;
        do {
            const page = await client[LISTS[kind]]({ cursor });
            found.push(...page[kind]);
            cursor = page.nextCursor;
        } while (cursor !== undefined);
        return found;
    },

    call: (client, { name, arguments: values }, options) =>
        client.callTool({ name, arguments: values }, undefined, options),

    read: async (client, { uri }) => (await client.readResource({ uri })).contents,

    prompt: (client, { name, arguments: values }) => client.getPrompt({ name, arguments: values }),

    async complete(client, { ref, argument, settled }) {
        const context = settled === null ? {} : { context: { arguments: settled } };
        return (await client.complete({ ref, argument, ...context })).completion;
    }
};

async function connect({ server, login }, handlers) {
    const capabilities = Object.fromEntries(Object.keys(handlers).map(kind => [kind, {}]));
    const client = new Client({ name: 'interop', version: '1' }, { capabilities });
    for (const [kind, handler] of Object.entries(handlers)) client.setRequestHandler(types[QUESTIONS[kind]], handler);
    await client.connect(watched(await transportTo(server, login), version => protocols.set(client, version)));
    return client;
}

async function transportTo(server, login) {
    if (typeof server === 'string') {
        // The first releases have none.
        const { StreamableHTTPClientTransport } = await import(`${release}/client/streamableHttp.js`);
        if (!login) return new StreamableHTTPClientTransport(new URL(server));
        const { UnauthorizedError } = await import(`${release}/client/auth.js`);
        const finish = (transport, callback) => transport.finishAuth(callback.get('code'));
        return new (comingBack(StreamableHTTPClientTransport, UnauthorizedError, finish))(new URL(server), new Person(login));
    }
    const [command, ...args] = server;
    return new StdioClientTransport({ command, args });
}

// No client of these releases tells which version was agreed on: it is in the result of `initialize`.
function watched(transport, learn) {
    const start = transport.start.bind(transport);
    transport.start = () => {
        const receive = transport.onmessage;
        transport.onmessage = (message, ...rest) => {
            if (message.result?.protocolVersion) learn(message.result.protocolVersion);
            receive(message, ...rest);
        };
        return start();
    };
    return transport;
}

await serve(release, connect, steps);
