// Calls: rounds of questions, progress, tasks, and what comes of them, all within one element.

const ROUNDS = 50;
const FINAL = new Set(["completed", "failed", "cancelled"]);

function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => { clearTimeout(timer); reject(new DOMException("", "AbortError")); }, { once: true });
  });
}

// One call: sends it, shows how it goes, asks what it asks; `show` makes elements of its result.
async function runCall(area, method, params, show, headers = {}) {
  const started = performance.now();
  const stop = new AbortController();
  const status = el("p", { role: "status" }, "Running…");
  const bar = el("progress", { "aria-label": "Progress" });
  const log = el("ul", { className: "log", hidden: true, "aria-label": "Log" });
  const questions = el("div");
  const cancel = el("button", { type: "button", onclick: () => stop.abort() }, "Cancel");
  const running = el("div", { className: "row" }, bar, cancel);
  area.replaceChildren(status, running, log, questions);
  const view = { status, bar, log, questions, signal: stop.signal };
  try {
    const result = await settle(view, method, params, headers);
    const seconds = ((performance.now() - started) / 1000).toFixed(2);
    status.replaceChildren(el("span", { className: result.isError ? "failed" : "good" }, result.isError ? "The tool says that it failed" : "Done"), ` after ${seconds} s`);
    area.append(show(result), more("The result as JSON", asJson(result)));
  } catch (error) {
    if (error.name === "AbortError") status.textContent = "Cancelled";
    else {
      status.replaceChildren(el("span", { className: "failed" }, "Failed"));
      area.append(failureOf(error));
      if (error.status === 401) askToSignIn(error);
    }
  }
  running.remove();
  questions.remove();
}

// The scopes that a challenge names (RFC 6750, section 3).
function scopesOf(challenge) {
  return /\bscope="([^"]+)"/.exec(challenge ?? "")?.[1];
}

function failureOf(error) {
  if (!(error instanceof Failure)) console.warn(error);
  const code = error.code === undefined ? "" : ` (${error.code})`;
  const scopes = scopesOf(error.challenge);
  const hints = {
    401: "Sign in, at the top of the page, with a token or a key.",
    403: scopes ? `Sign in with a token that has the scope ${scopes}.` : error.message.startsWith("Origin") ? "The server does not take calls from pages of this address: LAMBENT_PUBLIC_URL or LAMBENT_ALLOWED_ORIGINS has to name it." : "",
    429: "Too many calls: wait a while.",
  };
  return el("div", {}, problem([error.message + code, hints[error.status]].filter(Boolean).join("\n")), error.data === undefined || error.data === null ? null : more("Details", asJson(error.data)));
}

async function settle(view, method, params, headers) {
  let retry = {};
  for (let round = 0; round < ROUNDS; round++) {
    const result = await send(method, { ...params, ...retry }, { hear: (message) => hear(view, message), signal: view.signal, headers });
    if (result.resultType === "task") return follow(view, result);
    if (result.resultType !== "input_required") return result;
    retry = { inputResponses: await askAll(view, result.inputRequests ?? {}) };
    if (result.requestState !== undefined) retry.requestState = result.requestState;
  }
  throw new Failure(`The server still asks after ${ROUNDS} rounds`);
}

function hear(view, { method, params = {} }) {
  if (method === "notifications/progress") {
    const { progress, total, message } = params;
    if (typeof total === "number" && total > 0) Object.assign(view.bar, { max: total, value: Math.min(progress, total) });
    view.status.replaceChildren(said(message ?? (total ? `${progress} of ${total}` : `${progress}`)));
  } else if (method === "notifications/message") {
    const text = typeof params.data === "string" ? params.data : JSON.stringify(params.data);
    view.log.hidden = false;
    view.log.append(said(`${params.level}: ${text}`, {}, "li"));
    view.log.scrollTop = view.log.scrollHeight;
  }
}

async function follow(view, first) {
  let task = first;
  const { taskId } = first;
  const answered = new Set();
  try {
    while (!FINAL.has(task.status)) {
      view.status.replaceChildren("Task ", el("code", {}, shown(taskId)), `: ${task.status === "input_required" ? "asks" : "works"}`, task.statusMessage ? said(` · ${task.statusMessage}`) : "");
      const open = Object.entries(task.inputRequests ?? {}).filter(([key]) => !answered.has(key));
      if (task.status === "input_required" && open.length) {
        const inputResponses = await askAll(view, Object.fromEntries(open));
        await send("tasks/update", { taskId, inputResponses });
        open.forEach(([key]) => answered.add(key));
      } else await sleep(Math.min(Math.max(task.pollIntervalMs ?? 1000, 200), 10000), view.signal);
      task = await send("tasks/get", { taskId }, { signal: view.signal });
      if (task.status === "working") answered.clear();
    }
  } catch (error) {
    if (error.name === "AbortError") await send("tasks/cancel", { taskId }).catch(() => {});
    throw error;
  }
  if (task.status === "cancelled") throw new DOMException("", "AbortError");
  if (task.status === "failed") throw new Failure(task.error?.message ?? task.statusMessage ?? "The task failed", task.error);
  return task.result;
}

async function askAll(view, requests) {
  const answers = {};
  view.bar.hidden = true;
  for (const [key, request] of Object.entries(requests)) {
    view.status.textContent = "The server asks";
    answers[key] = await ask(view, request);
  }
  view.bar.hidden = false;
  view.status.textContent = "Running…";
  return answers;
}

// Shows one question, and gives what the user answers.
function ask(view, { method, params = {} }) {
  const kinds = { "elicitation/create": params.mode === "url" ? askUrl : askForm, "sampling/createMessage": askModel, "roots/list": askRoots };
  const { nodes, read, choices } = (kinds[method] ?? askAny)(params);
  const title = el("h3", { tabIndex: -1, id: newId() }, said(params.message ?? `The server asks for ${method}`, { className: "lines" }));
  return new Promise((resolve, reject) => {
    const end = (answer) => { form.remove(); resolve(answer); };
    const others = (choices ?? []).map(([text, answer]) => el("button", { type: "button", onclick: () => end(answer) }, text));
    const form = el("form", { className: "ask", "aria-labelledby": title.id }, title, nodes, el("div", { className: "row" }, el("button", { className: "primary" }, "Answer"), others));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const got = tryRead(read);
      if (got) end(got.value);
    });
    view.signal.addEventListener("abort", () => { form.remove(); reject(new DOMException("", "AbortError")); }, { once: true });
    view.questions.replaceChildren(form);
    (form.querySelector("input, select, textarea") ?? title).focus();
  });
}

const REFUSALS = [["Decline", { action: "decline" }], ["Dismiss", { action: "cancel" }]];

function askForm({ requestedSchema }) {
  const form = schemaForm(requestedSchema ?? {});
  return { nodes: form.nodes, read: () => ({ action: "accept", content: form.read() }), choices: REFUSALS };
}

function askUrl({ url }) {
  const safe = /^https?:\/\//i.test(url ?? "");
  const link = safe ? el("a", { href: url, target: "_blank", rel: "noopener noreferrer", dir: "ltr" }, shown(url)) : said(url);
  return { nodes: [el("p", {}, "Open this address, do there what it asks for, and come back: ", link)], read: () => ({ action: "accept" }), choices: REFUSALS };
}

function askModel(params) {
  const field = stringField({ title: "Your answer", description: "In place of the model of a client" }, "", true);
  const text = el("textarea", { required: true, id: field.input.id, "aria-describedby": field.input.getAttribute("aria-describedby") });
  field.input.replaceWith(text);
  const read = () => ({ role: "assistant", content: { type: "text", text: text.value }, model: "a person", stopReason: "endTurn" });
  const intro = el("p", {}, "The server asks a model:");
  return { nodes: [intro, params.systemPrompt && said(params.systemPrompt, { className: "note lines" }, "p"), ...messagesOf(params.messages), field.node], read };
}

function askRoots() {
  const field = linesField({ title: "Folders that the server may work on", description: "file:// URIs" }, { type: "string" }, "", false);
  return { nodes: [field.node], read: () => ({ roots: (field.read() ?? []).map((uri) => ({ uri })) }) };
}

function askAny(params) {
  const field = jsonField({ title: "Answer" }, "", true);
  return { nodes: [asJson(params), field.node], read: field.read };
}

// Results.

function messagesOf(messages) {
  return (messages ?? []).map(({ role, content }) => el("div", {}, el("h3", {}, said(role)), [content].flat().map(blockOf)));
}

function blockOf(block) {
  const type = block?.type;
  if (type === "text") return said(block.text, { tabIndex: 0 }, "pre");
  if (type === "image" && /^image\/[\w.+-]+$/.test(block.mimeType)) return el("img", { src: `data:${block.mimeType};base64,${block.data}`, alt: "An image that the server returned" });
  if (type === "audio" && /^audio\/[\w.+-]+$/.test(block.mimeType)) return el("audio", { src: `data:${block.mimeType};base64,${block.data}`, controls: true });
  if (type === "resource_link") return el("p", {}, "Resource: ", said(block.title ?? block.name), " ", said(block.uri, {}, "code"));
  if (type === "resource") return contentOf(block.resource);
  return asJson(block);
}

function contentOf(resource) {
  const { uri, text, blob, mimeType = "" } = resource ?? {};
  const head = el("p", {}, said(uri, {}, "code"), mimeType && said(mimeType, { className: "badge" }));
  if (text !== undefined) return el("div", {}, head, said(text, { tabIndex: 0 }, "pre"));
  if (blob !== undefined && /^(image|audio)\//.test(mimeType)) return el("div", {}, head, blockOf({ type: mimeType.slice(0, 5), mimeType, data: blob }));
  return el("div", {}, head, el("p", { className: "note" }, `${Math.floor(((blob ?? "").length * 3) / 4)} bytes`));
}

function toolResult({ content = [], structuredContent }) {
  const shownAs = structuredContent === undefined ? null : JSON.stringify(structuredContent);
  const blocks = content.filter((block) => !(block.type === "text" && shownAs !== null && sameJson(block.text, shownAs)));
  return el("div", { className: "result" }, blocks.map(blockOf), shownAs === null ? null : asJson(structuredContent));
}

function sameJson(text, json) {
  try {
    return JSON.stringify(JSON.parse(text)) === json;
  } catch {
    return false;
  }
}
