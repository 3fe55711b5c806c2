// Drives the official support for tasks: `node client.mjs` reads one job as JSON, and writes what came of it.
//
// The package leaves it to its host how requests with tasks reach the server, so a plain HTTP client is here too.

import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { text } from 'node:stream/consumers';

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { createTaskSessionFromClient } from '@modelcontextprotocol/ext-tasks/client';

const VERSION = '2026-07-28';
const INFO = { name: 'interop', version: '1' };

const jobs = {
    // A call from its beginning to its end.
    async settle(session, job, seen) {
        const execution = await session.callTool(job.tool, job.arguments);
        return { kind: execution.kind, ...(await settled(execution, seen)) };
    },

    // A call that is given up while its user still thinks.
    async cancel(session, job, seen) {
        const execution = await session.callTool(job.tool, job.arguments);
        for await (const event of execution.updates()) {
            if (event.type !== 'task' || event.task.status === 'input_required') break;
        }
        await execution.cancel();
        const later = await session.task(execution.handle.taskId).result();
        return { ...(await settled(execution, seen)), later: described(later) };
    },

    // A call whose client goes away once it has noted where its task is.
    async begin(session, job) {
        const execution = await session.callTool(job.tool, job.arguments);
        let kept;
        await execution.handoff(reference => {
            kept = reference;
        });
        return { kind: execution.kind, reference: kept };
    },

    // The client that comes back, a new process.
    async resume(session, job, seen) {
        return settled(await session.resumeTask(job.reference), seen);
    }
};

async function settled(execution, seen) {
    const onEvent = event => {
        if (event.type === 'task') seen.push([event.task.status, event.task.statusMessage ?? null]);
    };
    const { outcome } = await execution.settle({ onEvent });
    return described(outcome);
}

function described(outcome) {
    const error = outcome.error && { code: outcome.error.code, message: outcome.error.message };
    return { status: outcome.status, result: outcome.result, error };
}

function dispatcher(url) {
    let id = 0;
    return async (request, { signal, context } = {}) => {
        const { method, params } = request;
        const response = await fetch(url, {
            method: 'POST',
            signal,
            headers: {
                'content-type': 'application/json',
                accept: 'application/json, text/event-stream',
                'mcp-protocol-version': VERSION,
                'mcp-method': method,
                ...(method === 'tools/call' ? { 'mcp-name': params.name } : {}),
                ...context?.headers
            },
            body: JSON.stringify({ jsonrpc: '2.0', id: ++id, ...request })
        });
        const body = await response.text();
        const last = response.headers.get('content-type').startsWith('text/event-stream')
            ? body.trimEnd().split('\n\n').at(-1).replace(/^(.*\n)*data: /, '')
            : body;
        const { result, error } = JSON.parse(last);
        return error ? { kind: 'error', error } : { kind: 'result', result };
    };
}

const job = JSON.parse(await text(process.stdin));
const asked = [];
const seen = [];
const capabilities = job.answer === undefined ? {} : { elicitation: {} };
const client = new Client(INFO, { capabilities, versionNegotiation: { mode: { pin: VERSION } } });
await client.connect(new StreamableHTTPClientTransport(new URL(job.url)));
const session = createTaskSessionFromClient(client, {
    endpointId: 'reports',
    rawDispatch: dispatcher(job.url),
    v2RequestFraming: { protocolVersion: VERSION, clientInfo: INFO, clientCapabilities: capabilities },
    onInputRequest: async (request, { scope, signal }) => {
        asked.push([scope, request.kind, request.params.message]);
        if (job.answer === null) await once(signal, 'abort');
        return { action: 'accept', content: job.answer };
    }
});
const outcome = await jobs[job.do](session, job, seen);
writeSync(1, JSON.stringify({ ...outcome, asked, seen, capabilities: session.capabilities }));
// Without a farewell: closing a session cancels what it has begun, and a client that crashes closes nothing.
process.exit();
