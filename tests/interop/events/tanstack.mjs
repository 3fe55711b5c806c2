// Drives TanStack's client: `node tanstack.mjs <server> <key>` prints the tools, a call, and why there are no events.

import { createMCPClient } from '@tanstack/ai-mcp';

const [url, key] = process.argv.slice(2);
const client = await createMCPClient({ transport: { type: 'http', url, headers: { 'X-API-Key': key } } });
const tools = await client.tools();
const call = await client.callTool('refund', { order: 'tanstack', cents: 1 });
const events = await import('@tanstack/ai-mcp/events').then(Object.keys, error => error.code);
await client.close();
console.log(JSON.stringify({ tools: tools.map(tool => tool.name), call, events }));
