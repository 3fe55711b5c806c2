// How applications are connected to this URL; see docs/clients.md.

function quoted(text) {
  return /^[\w:/.@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

// The name of the entry: the server chooses its own name, and this one goes into shells and files.
function entryName(name) {
  return String(name ?? "").replace(/[^A-Za-z0-9_]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40) || "server";
}

function hostsOf(serverName) {
  const name = entryName(serverName), url = ENDPOINT, shell = quoted(ENDPOINT);
  const json = (value) => JSON.stringify(value, null, 2);
  const vscode = encodeURIComponent(JSON.stringify({ name, type: "http", url }));
  return [
    ["Claude Code", "", `claude mcp add --transport http ${name} ${shell}`],
    ["Claude on the web and on the desktop", "Customize → Connectors → Add custom connector, and this URL. It has to be public.", url],
    ["ChatGPT", "In developer mode, create a connector with this URL. It has to be public.", url],
    ["VS Code", "Or in .vscode/mcp.json:", json({ servers: { [name]: { type: "http", url } } }), `vscode:mcp/install?${vscode}`],
    ["Cursor", "Or in .cursor/mcp.json:", json({ mcpServers: { [name]: { url } } }), `cursor://anysphere.cursor-deeplink/mcp/install?name=${name}&config=${encodeURIComponent(base64(JSON.stringify({ url })))}`],
    ["Gemini CLI", "", `gemini mcp add --scope user --transport http ${name} ${shell}`],
    ["Codex", "", `codex mcp add ${name} --url ${shell}`],
    ["Goose", "", `goose session --with-streamable-http-extension ${shell}`],
    ["MCP Inspector", "", `npx @modelcontextprotocol/inspector --cli ${shell} --method tools/list`],
  ];
}

function connectSection(serverName) {
  const local = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(location.hostname);
  return [
    el("p", {}, "The server is this one URL, for every application:"),
    copyable(ENDPOINT, "the URL"),
    local && el("p", { className: "note" }, "It is on this machine: applications that run elsewhere, as connectors of Claude and ChatGPT do, cannot reach it."),
    hostsOf(serverName).map(([host, note, text, link]) => el("div", { className: "host" }, el("h3", {}, host),
      link && el("p", {}, el("a", { className: "button", href: link }, `Add to ${host}`)),
      note && el("p", { className: "note" }, note), text !== ENDPOINT && copyable(text, `the entry for ${host}`))),
  ];
}
