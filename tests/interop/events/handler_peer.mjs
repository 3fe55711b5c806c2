// The shop with mcp-handler, behind the HTTP server of Node: `node handler_peer.mjs` prints its address.
//
// The library leaves the store and the verification of endpoints to its user. Here the store is a map, and
// an endpoint wants deliveries unless its URL says that it does not.

import { createServer } from 'node:http';

import { createMcpHandler, experimental_registerMcpEvents, withMcpAuth } from 'mcp-handler';
import { z } from 'zod';

const kept = new Map();

const subscriptions = {
    prepare: async ({ id }) => `attempt-${id}`,
    async upsert(subscription) {
        const cursor = kept.get(subscription.id)?.cursor ?? subscription.cursor ?? 'log.0';
        kept.set(subscription.id, { cursor });
        return { cursor, truncated: false };
    },
    remove: async ({ id }) => kept.delete(id)
};

const delivery = {
    async verifyEndpoint({ url }) {
        return url.includes('refuses') ? { verified: false, reason: 'challenge_failed' } : { verified: true };
    }
};

const orderRefunded = {
    name: 'order.refunded',
    description: 'A refund was paid out.',
    inputSchema: z.strictObject({ least: z.int().optional() }),
    payloadSchema: z.object({ order: z.string(), cents: z.int() }),
    authorize: ({ least = 0 }) => least < 1_000_000
};

const handler = createMcpHandler(
    server => {
        experimental_registerMcpEvents(server, {
            getPrincipal: ({ extra }) => extra.subject,
            events: [orderRefunded],
            subscriptions,
            delivery,
            ttl: { minMs: 300_000, defaultMs: 86_400_000, maxMs: 86_400_000 }
        });
    },
    { serverInfo: { name: 'shop', version: '1.0.0' } }
);

const guarded = withMcpAuth(handler, (_request, token) => {
    if (token === undefined) return undefined;
    return { token, clientId: 'interop', scopes: [], extra: { subject: token } };
});

const server = createServer(async (incoming, outgoing) => {
    const chunks = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const { method, headers } = incoming;
    const url = `http://${headers.host}${incoming.url}`;
    const body = method === 'POST' ? Buffer.concat(chunks) : undefined;
    const response = await guarded(new Request(url, { method, headers, body }));
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    outgoing.end(Buffer.from(await response.arrayBuffer()));
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/mcp`));
process.stdin.resume().on('end', () => process.exit());
