// The page: asks the server what it offers, and shows it in sections.

const byId = (id) => document.getElementById(id);

function item(definition, badges, ...body) {
  const name = definition.title ?? definition.annotations?.title ?? definition.name ?? definition.uri ?? definition.uriTemplate;
  const code = definition.name !== name && definition.name !== undefined ? said(definition.name, { className: "note" }, "code") : null;
  return el("details", { className: "item" },
    el("summary", {}, said(name, { className: "name" }), code && " ", code, badges.map((text) => [" ", said(text, { className: text === "destructive" ? "badge bad" : "badge" })]),
      definition.description && said(definition.description.split("\n", 1)[0], { className: "short" })),
    el("div", { className: "body" }, definition.description && said(definition.description, { className: "lines" }, "p"), body));
}

// A form with one button that runs a call, and the place for what comes of it.
function callForm(button, nodes, extra, start) {
  const area = el("div", { className: "outcome" });
  const submit = el("button", { className: "primary" }, button);
  const form = el("form", {}, nodes, el("div", { className: "row" }, submit, extra));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      await start(area);
    } finally {
      submit.disabled = false;
      if (document.activeElement === document.body) submit.focus();
    }
  });
  return el("div", {}, form, area);
}

function toolItem(tool) {
  const hints = tool.annotations ?? {};
  const badges = [hints.readOnlyHint && "read-only", hints.readOnlyHint !== true && hints.destructiveHint && "destructive"].filter(Boolean);
  const form = schemaForm(tool.inputSchema);
  const call = callForm("Call", [form.isEmpty && el("p", { className: "note" }, "It takes no arguments."), form.nodes], form.toggle, (area) => {
    const got = tryRead(form.read);
    if (!got) return undefined;
    return runCall(area, "tools/call", { name: tool.name, arguments: got.value }, toolResult, paramHeaders(tool.inputSchema, got.value));
  });
  return item(tool, badges, call, more("Schemas", el("h3", {}, "Arguments"), asJson(tool.inputSchema), tool.outputSchema && [el("h3", {}, "Result"), asJson(tool.outputSchema)]));
}

function resourceItem(resource) {
  const read = callForm("Read", [], null, (area) => runCall(area, "resources/read", { uri: resource.uri }, ({ contents = [] }) => el("div", { className: "result" }, contents.map(contentOf))));
  return item(resource, [resource.mimeType].filter(Boolean), el("p", {}, said(resource.uri, {}, "code")), read);
}

// Expands a URI template (RFC 6570, levels 1 to 3).
function expand(template, values) {
  const kinds = { "": ["", ","], "+": ["", ","], "#": ["#", ","], ".": [".", "."], "/": ["/", "/"], ";": [";", ";"], "?": ["?", "&"], "&": ["&", "&"] };
  return template.replace(/\{([+#./;?&]?)([^}]+)\}/g, (_, kind, names) => {
    const [first, between] = kinds[kind];
    const encode = "+#".includes(kind) && kind ? encodeURI : encodeURIComponent;
    const parts = names.split(",").map((name) => name.replace(/(\*|:\d+)$/, "")).filter((name) => values[name])
      .map((name) => (";?&".includes(kind) && kind ? `${name}=${encode(values[name])}` : encode(values[name])));
    return parts.length ? first + parts.join(between) : "";
  });
}

function templateItem(template, completes) {
  const names = [...String(template.uriTemplate).matchAll(/\{[+#./;?&]?([^}]+)\}/g)].flatMap(([, inner]) => inner.split(",")).map((name) => name.replace(/(\*|:\d+)$/, ""));
  const fields = [...new Set(names)].map((name) => [name, stringField({ type: "string" }, name, false)]);
  if (completes) suggest(fields, { type: "ref/resource", uri: template.uriTemplate });
  const read = callForm("Read", fields.map(([, field]) => field.node), null, (area) =>
    runCall(area, "resources/read", { uri: expand(template.uriTemplate, valuesOf(fields)) }, ({ contents = [] }) => el("div", { className: "result" }, contents.map(contentOf))));
  return item(template, ["template"], el("p", {}, said(template.uriTemplate, {}, "code")), read);
}

function promptItem(prompt, completes) {
  const fields = (prompt.arguments ?? []).map((one) => [one.name, stringField({ type: "string", title: one.title, description: one.description }, one.name, one.required === true)]);
  if (completes) suggest(fields, { type: "ref/prompt", name: prompt.name });
  const get = callForm("Get", fields.map(([, field]) => field.node), null, (area) =>
    runCall(area, "prompts/get", { name: prompt.name, arguments: valuesOf(fields) }, ({ messages }) => el("div", { className: "result" }, messagesOf(messages))));
  return item(prompt, [], get);
}

function eventItem(event) {
  return item(event, event.delivery ?? [], more("Schemas", el("h3", {}, "Arguments"), asJson(event.inputSchema), el("h3", {}, "Payload"), asJson(event.payloadSchema)));
}

// Completion: the server's suggestions for what is being typed.
function suggest(fields, ref) {
  for (const [name, { input, node }] of fields) {
    const list = el("datalist", { id: newId() });
    let timer, latest = 0;
    const fill = async () => {
      const turn = ++latest;
      const others = valuesOf(fields.filter(([other]) => other !== name));
      const { completion } = await send("completion/complete", { ref, argument: { name, value: input.value }, context: { arguments: others } });
      if (turn === latest) list.replaceChildren(...(completion?.values ?? []).map((value) => el("option", { value })));
    };
    input.setAttribute("list", list.id);
    input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => fill().catch(() => {}), 250); });
    input.addEventListener("focus", () => fill().catch(() => {}), { once: true });
    node.append(list);
  }
}

function section(id, title, nodes, count) {
  byId("sections").append(el("li", {}, el("a", { href: `#${id}` }, title, count === undefined ? "" : el("span", { className: "count" }, `${count}`))));
  byId("content").append(el("section", { id, "aria-labelledby": `${id}-title` }, el("h2", { id: `${id}-title` }, title), nodes));
}

// A list of the server's; one that cannot be had does not keep the others away.
async function listSection(id, title, ask, makeItem) {
  try {
    const found = await ask();
    section(id, title, found.length ? found.map(makeItem) : [el("p", { className: "note" }, "There are none.")], found.length);
  } catch (error) {
    section(id, title, [failureOf(error)]);
  }
}

function cardSection() {
  const place = el("div");
  const show = el("button", { type: "button" }, "Show the card");
  show.addEventListener("click", async () => {
    try {
      place.replaceChildren(asJson(await getJson(`${BESIDE}/server-card`)));
    } catch (error) {
      place.replaceChildren(failureOf(error));
    }
  });
  return [el("p", {}, "What registries and clients read of the server before they call it: ", el("a", { href: `${BESIDE}/server-card` }, "server-card")), el("p", {}, show), place];
}

async function load() {
  const state = byId("state");
  state.hidden = false;
  state.textContent = "Asking the server…";
  byId("sections").replaceChildren();
  byId("content").replaceChildren();
  try {
    const found = await send("server/discover");
    const info = found._meta?.[`${PREFIX}serverInfo`] ?? {};
    const can = found.capabilities ?? {};
    document.title = shown(info.title ?? info.name ?? "MCP server");
    byId("title").replaceChildren(said(info.title ?? info.name ?? "MCP server"));
    byId("about").replaceChildren(said(info.name ?? ""), " ", said(info.version ?? ""), info.description ? said(info.description, { className: "lines" }, "div") : "");
    if (found.instructions) section("instructions", "Instructions", [said(found.instructions, { className: "lines" }, "p")]);
    const completes = Boolean(can.completions);
    if (can.tools) await listSection("tools", "Tools", () => listAll("tools/list", "tools"), toolItem);
    if (can.resources) {
      await listSection("resources", "Resources", async () => [...(await listAll("resources/list", "resources")), ...(await listAll("resources/templates/list", "resourceTemplates"))],
        (one) => (one.uriTemplate === undefined ? resourceItem(one) : templateItem(one, completes)));
    }
    if (can.prompts) await listSection("prompts", "Prompts", () => listAll("prompts/list", "prompts"), (one) => promptItem(one, completes));
    if (can.events) await listSection("events", "Events", () => listAll("events/list", "events"), eventItem);
    section("connect", "Connect", connectSection(info.name));
    section("card", "Server card", cardSection());
    section("server", "Server", [el("p", {}, "Versions of the protocol: ", said((found.supportedVersions ?? []).join(", "))), more("Capabilities", asJson(can))]);
    state.hidden = true;
  } catch (error) {
    state.hidden = true;
    if (error.status === 401) await askToSignIn(error);
    else byId("content").append(failureOf(error));
    section("connect", "Connect", connectSection());
    section("card", "Server card", cardSection());
  }
}

function showSignIn(on) {
  byId("sign-in").hidden = !on;
  byId("open-sign-in").setAttribute("aria-expanded", String(on));
  if (on) byId("token").focus();
}

// Says who issues tokens, where the server's metadata tells it (RFC 9728).
async function askToSignIn({ challenge = "" }) {
  const reason = byId("sign-in-reason");
  reason.textContent = Object.keys(credentials).length ? "The server did not accept the token or key." : "The server wants to know who is calling.";
  byId("open-sign-in").textContent = "Sign in";
  showSignIn(true);
  const named = /resource_metadata="([^"]+)"/.exec(challenge)?.[1];
  const scopes = scopesOf(challenge);
  const text = (metadata) => [`Tokens are issued by ${metadata.authorization_servers?.join(", ")}.`, scopes || metadata.scopes_supported?.length ? `Scopes: ${scopes ?? metadata.scopes_supported.join(" ")}.` : ""].join(" ");
  if (!named?.startsWith(`${location.origin}/`)) return;
  const metadata = await getJson(named).catch(() => null);
  if (metadata?.authorization_servers?.length) reason.append(" ", said(text(metadata)));
}

function start() {
  byId("open-sign-in").addEventListener("click", () => showSignIn(byId("sign-in").hidden));
  const use = (name, value) => {
    for (const header of Object.keys(credentials)) delete credentials[header];
    if (value) credentials[name] = value;
    byId("token").value = "";
    byId("open-sign-in").textContent = value ? "Signed in" : "Sign in";
    byId("sign-in-reason").textContent = "";
    showSignIn(false);
    byId("main").focus();
    load();
  };
  byId("kind").addEventListener("change", () => {
    const isOther = byId("kind").value === "";
    byId("other-header").hidden = !isOther;
    byId("header").required = isOther;
  });
  byId("sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    const kind = byId("kind").value || byId("header").value, token = byId("token").value.trim().replace(/^Bearer\s+/i, "");
    use(kind, kind === "Authorization" ? `Bearer ${token}` : token);
  });
  byId("forget").addEventListener("click", () => use("", ""));
  load();
}

start();
