// Drives the AI SDK's client of events: a line of JSON in, a line of JSON out, until standard input ends.
//
// The process is the application: it has the client, its store of subscriptions, and the endpoint, which is the
// library's own handler of deliveries behind the HTTP server of Node.

import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { randomBytes } from 'node:crypto';

import { createMCPClient, experimental_createMCPEventWebhook } from '@ai-sdk/mcp';

const SECONDS = 20;

class Store {
    #kept = new Map();

    async get(key) {
        return this.#kept.get(key);
    }

    async getById(id) {
        return [...this.#kept.values()].find(one => one.id === id);
    }

    async set(subscription) {
        this.#kept.set(subscription.key, subscription);
    }

    async update(key, patch) {
        const known = this.#kept.get(key);
        if (known) this.#kept.set(key, { ...known, ...patch });
    }

    async delete(key) {
        this.#kept.delete(key);
    }

    get all() {
        return [...this.#kept.values()];
    }
}

const store = new Store();
const events = []; // what the application was told, in this order
const requests = []; // what has come to the endpoint, with the answers of the library
let refused = 0; // how many deliveries the application cannot take yet

const webhook = experimental_createMCPEventWebhook({
    store,
    onEvent: async ({ subscription, event }) => {
        if (refused > 0) {
            refused -= 1;
            throw new Error('not now');
        }
        events.push({ subscription, event });
    },
    onGap: async ({ gap }) => void events.push({ gap }),
    onTerminated: async ({ termination }) => void events.push({ termination })
});

const endpoint = createServer(async (incoming, outgoing) => {
    const chunks = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const url = `http://${incoming.headers.host}${incoming.url}`;
    const { method, headers } = incoming;
    const response = await webhook(new Request(url, { method, headers, body }));
    requests.push({ status: response.status, type: JSON.parse(body).type ?? 'event', headers });
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    outgoing.end(Buffer.from(await response.arrayBuffer()));
});
await new Promise(resolve => endpoint.listen(0, '127.0.0.1', resolve));

let client;

const steps = {
    async connect({ server, headers, era }) {
        client = await createMCPClient({
            transport: { type: 'http', url: server, headers },
            protocolVersionDiscovery: era === 'modern',
            experimental_events: { store }
        });
        const { protocolVersion, capabilities } = client.initializeResult;
        return { protocolVersion, capabilities };
    },

    list: () => client.experimental_events.list(),

    async subscribe({ name, arguments: args, port = endpoint.address().port, ...wishes }) {
        const url = `http://127.0.0.1:${port}/hook`;
        const delivery = { mode: 'webhook', url, allowInsecureLocalhost: true };
        return client.experimental_events.subscribe({ name, arguments: args, delivery, ...wishes });
    },

    refresh: ({ id }) => client.experimental_events.refresh({ id }),

    // The library leaves it to the application to change the secret.
    async rotate({ id }) {
        const { key, delivery } = await store.getById(id);
        const secret = `whsec_${randomBytes(32).toString('base64')}`;
        await store.update(key, { delivery: { ...delivery, secret } });
        return client.experimental_events.refresh({ id });
    },

    unsubscribe: ({ id }) => client.experimental_events.unsubscribe({ id }),

    refuse({ count }) {
        refused = count;
    },

    async call({ name, arguments: args }) {
        const tools = await client.tools();
        return tools[name].execute(args, { messages: [], toolCallId: 'call' });
    },

    async events({ count }) {
        for (let waited = 0; events.length < count && waited < SECONDS * 100; waited += 1) await pause(10);
        return events;
    },

    requests: () => requests,

    stored: () => store.all.map(({ delivery: { mode, url }, ...others }) => ({ ...others, delivery: { mode, url } })),

    close: () => client.close()
};

function pause(milliseconds) {
    return new Promise(resolve => setTimeout(resolve, milliseconds));
}

for await (const line of createInterface({ input: process.stdin })) {
    const task = JSON.parse(line);
    const { do: step, ...values } = task;
    let outcome;
    try {
        outcome = { value: (await steps[step](values)) ?? null };
    } catch (error) {
        const { code, data, message } = error;
        outcome = { error: { code, data, message } };
    }
    process.stdout.write(`${JSON.stringify(outcome)}\n`);
}
process.exit();
