// The protocol: requests of version 2026-07-28 to the URL of this page, which is the endpoint.

const VERSION = "2026-07-28";
const PREFIX = "io.modelcontextprotocol/";
const ENDPOINT = location.origin + location.pathname;
const BESIDE = location.pathname.replace(/\/$/, "");
const MIRRORED = { "tools/call": "name", "prompts/get": "name", "resources/read": "uri", "tasks/get": "taskId", "tasks/update": "taskId", "tasks/cancel": "taskId" };
const CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {}, extensions: { [`${PREFIX}tasks`]: {} } };

const credentials = {}; // headers; here and nowhere else

class Failure extends Error {
  constructor(message, details = {}) {
    super(message);
    Object.assign(this, details);
  }
}

function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function headerValue(value) {
  const plain = /^[\x20-\x7e]*$/.test(value) && value.trim() === value && !value.startsWith("=?base64?");
  return plain ? value : `=?base64?${base64(value)}?=`;
}

// Arguments that a tool wants repeated in headers ("Custom Headers from Tool Parameters").
function paramHeaders(schema, values, found = {}) {
  for (const [name, inner] of Object.entries(schema?.properties ?? {})) {
    const value = values?.[name];
    const header = inner?.["x-mcp-header"];
    if (typeof header === "string" && /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(header) && ["string", "number", "boolean"].includes(typeof value)) {
      found[`Mcp-Param-${header}`] = headerValue(String(value));
    } else if (value && typeof value === "object") paramHeaders(inner, value, found);
  }
  return found;
}

let requests = 0;

// Sends a request and gives its result; `hear` is told of notifications before it.
async function send(method, params = {}, { hear, signal, headers = {} } = {}) {
  const id = ++requests;
  const meta = {
    [`${PREFIX}protocolVersion`]: VERSION, [`${PREFIX}clientCapabilities`]: CAPABILITIES,
    [`${PREFIX}clientInfo`]: { name: "lambent-page", version: "1" },
    ...(hear ? { progressToken: id, [`${PREFIX}logLevel`]: "info" } : {}),
  };
  const name = params[MIRRORED[method]];
  let response;
  try {
    response = await fetch(ENDPOINT, {
      method: "POST",
      cache: "no-store",
      signal,
      headers: {
        "Content-Type": "application/json", Accept: "application/json, text/event-stream",
        "MCP-Protocol-Version": VERSION, "Mcp-Method": method,
        ...(name === undefined ? {} : { "Mcp-Name": headerValue(name) }), ...headers, ...credentials,
      },
      body: JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...params, _meta: meta } }),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure(`The server cannot be reached: ${error.message}`);
  }
  const message = await read(response, id, hear);
  if (message?.result) return message.result;
  const details = { status: response.status, code: message?.error?.code, data: message?.error?.data };
  details.challenge = response.headers.get("www-authenticate") ?? response.headers.get("x-amzn-remapped-www-authenticate") ?? "";
  throw new Failure(message?.error?.message ?? message?.message ?? `The answer with status ${response.status} is no message of the protocol`, details);
}

async function read(response, id, hear) {
  if (!(response.headers.get("content-type") ?? "").startsWith("text/event-stream")) {
    const text = await response.text();
    try {
      return JSON.parse(text);
    } catch {
      return null;
    }
  }
  let rest = "", last = null;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const events = (rest + part.value).split(/\r?\n\r?\n/);
    rest = events.pop();
    for (const event of events) {
      const data = event.split(/\r?\n/).filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart()).join("\n");
      if (!data) continue;
      const message = JSON.parse(data);
      if (message.method) hear?.(message);
      else if (message.id === id) last = message;
    }
  }
  if (last === null) throw new Failure("The stream ended before the result");
  return last;
}

// All pages of a list.
async function listAll(method, member) {
  const found = [];
  let cursor;
  for (let page = 0; page < 100; page++) {
    const result = await send(method, cursor === undefined ? {} : { cursor });
    found.push(...(result[member] ?? []));
    cursor = result.nextCursor;
    if (cursor === undefined) break;
  }
  return found;
}

async function getJson(path) {
  const response = await fetch(path, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Failure(`There is none: status ${response.status}`);
  return response.json();
}
