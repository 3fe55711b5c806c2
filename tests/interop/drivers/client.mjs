// Drives the official TypeScript client.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

import { serve } from './lines.mjs';
import { transportWithLogin } from './login.mjs';

const LISTS = {
    tools: ['listTools', 'tools/list'],
    resources: ['listResources', 'resources/list'],
    resourceTemplates: ['listResourceTemplates', 'resources/templates/list'],
    prompts: ['listPrompts', 'prompts/list']
};

const NEGOTIATION = {
    modern: { versionNegotiation: { mode: { pin: '2026-07-28' } } },
    auto: { versionNegotiation: { mode: 'auto' } },
    legacy: { versionNegotiation: { mode: 'legacy' } },
    default: {}
};

const QUESTIONS = {
    elicitation: 'elicitation/create',
    sampling: 'sampling/createMessage',
    roots: 'roots/list'
};

const steps = {
    discover: client => ({
        serverInfo: client.getServerVersion(),
        protocol: client.getNegotiatedProtocolVersion(),
        instructions: client.getInstructions(),
        capabilities: client.getServerCapabilities()
    }),

    all_of: async (client, { kind }) => (await client[LISTS[kind][0]]())[kind],

    async pages(client, { kind }) {
        const found = [];
        let cursor;
        do {
            const page = await client.request({ method: LISTS[kind][1], params: { cursor } });
            found.push(page[kind]);
            cursor = page.nextCursor;
        } while (cursor !== undefined);
        return found;
    },

    call: (client, { name, arguments: values }, options) => client.callTool({ name, arguments: values }, options),

    read: async (client, { uri }) => (await client.readResource({ uri })).contents,

    prompt: (client, { name, arguments: values }) => client.getPrompt({ name, arguments: values }),

    async complete(client, { ref, argument, settled }) {
        const context = settled === null ? {} : { context: { arguments: settled } };
        return (await client.complete({ ref, argument, ...context })).completion;
    }
};

async function connect({ server, era, login }, handlers) {
    const capabilities = Object.fromEntries(Object.keys(handlers).map(kind => [kind, {}]));
    const client = new Client({ name: 'interop', version: '1' }, { capabilities, ...NEGOTIATION[era] });
    for (const [kind, handler] of Object.entries(handlers)) client.setRequestHandler(QUESTIONS[kind], handler);
    await client.connect(login ? transportWithLogin(new URL(server), login) : transportTo(server));
    return client;
}

function transportTo(server) {
    if (typeof server === 'string') return new StreamableHTTPClientTransport(new URL(server));
    const [command, ...args] = server;
    return new StdioClientTransport({ command, args });
}

await serve('@modelcontextprotocol/client', connect, steps);
