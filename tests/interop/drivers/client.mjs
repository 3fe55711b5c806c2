// Drives the official TypeScript client: a line of JSON in, a line of JSON out, as in lines.py.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const LISTS = {
    tools: ['listTools', 'tools/list'],
    resources: ['listResources', 'resources/list'],
    resourceTemplates: ['listResourceTemplates', 'resources/templates/list'],
    prompts: ['listPrompts', 'prompts/list']
};

const NEGOTIATION = {
    modern: { versionNegotiation: { mode: { pin: '2026-07-28' } } },
    legacy: { versionNegotiation: { mode: 'legacy' } },
    default: {}
};

const steps = {
    call: async (client, { name, arguments: values }, options) =>
        ({ result: await client.callTool({ name, arguments: values }, options) }),
    read: async (client, { uri }) => (await client.readResource({ uri })).contents,
    prompt: (client, { name, arguments: values }) => client.getPrompt({ name, arguments: values })
};

const operations = {
    async about() {
        const manifest = new URL('../node_modules/@modelcontextprotocol/client/package.json', import.meta.url);
        const { name, version } = JSON.parse(readFileSync(manifest, 'utf8'));
        return `${name} ${version}`;
    },

    discover: task =>
        connected(task, client => ({
            serverInfo: client.getServerVersion(),
            protocol: client.getNegotiatedProtocolVersion(),
            instructions: client.getInstructions(),
            capabilities: client.getServerCapabilities()
        })),

    all_of: task => connected(task, async client => (await client[LISTS[task.kind][0]]())[task.kind]),

    pages: task =>
        connected(task, async client => {
            const found = [];
            let cursor;
            do {
                const page = await client.request({ method: LISTS[task.kind][1], params: { cursor } });
                found.push(page[task.kind]);
                cursor = page.nextCursor;
            } while (cursor !== undefined);
            return found;
        }),

    call: task =>
        connected(task, async (client, asked) => {
            if (task.listed) await client.listTools();
            const reports = [];
            const onprogress = report => reports.push([report.progress, report.total, report.message]);
            return { ...(await steps.call(client, task, task.progress ? { onprogress } : {})), reports, asked };
        }),

    read: task => connected(task, client => steps.read(client, task)),

    prompt: task => connected(task, client => steps.prompt(client, task)),

    // Calls, reads and prompts over one connection, which lists the tools first; the outcome of each.
    batch: task =>
        connected(task, async client => {
            await client.listTools();
            const outcomes = [];
            for (const step of task.tasks) outcomes.push(await outcomeOf(() => steps[step.do](client, step)));
            return outcomes;
        }),

    complete: task =>
        connected(task, async client => {
            const context = task.settled === null ? {} : { context: { arguments: task.settled } };
            return (await client.complete({ ref: task.ref, argument: task.argument, ...context })).completion;
        })
};

async function connected(task, work) {
    const answers = task.answers ?? {};
    const asked = [];
    const capabilities = Object.fromEntries(Object.keys(answers).map(kind => [kind, {}]));
    const client = new Client({ name: 'interop', version: '1' }, { capabilities, ...NEGOTIATION[task.era] });
    if ('elicitation' in answers) {
        client.setRequestHandler('elicitation/create', ({ params }) => {
            asked.push(['elicitation', params.message]);
            if (answers.elicitation === null) return { action: 'decline' };
            const names = Object.keys(params.requestedSchema.properties);
            return { action: 'accept', content: Object.fromEntries(names.map(name => [name, answers.elicitation[name]])) };
        });
    }
    if ('sampling' in answers) {
        client.setRequestHandler('sampling/createMessage', ({ params }) => {
            asked.push(['sampling', params.messages[0].content.text]);
            return { role: 'assistant', model: 'interop', content: { type: 'text', text: answers.sampling } };
        });
    }
    if ('roots' in answers) {
        client.setRequestHandler('roots/list', () => {
            asked.push(['roots', '']);
            return { roots: Object.entries(answers.roots).map(([name, uri]) => ({ name, uri })) };
        });
    }
    await client.connect(new StreamableHTTPClientTransport(new URL(task.url)));
    try {
        return await work(client, asked);
    } finally {
        await client.close();
    }
}

async function outcomeOf(work) {
    try {
        return { value: await work() };
    } catch (error) {
        return { error: described(error) };
    }
}

function described(error) {
    const { code, data, message } = error;
    return { type: error.constructor.name, code, data, message };
}

for await (const line of createInterface({ input: process.stdin })) {
    const task = JSON.parse(line);
    const outcome = await outcomeOf(() => operations[task.do](task));
    process.stdout.write(`${JSON.stringify(outcome)}\n`);
}
