// Forms, made of JSON schemas. A field is {node, read}; read() gives the value, or undefined for none.

class Invalid extends Error {
  constructor(input, message) {
    super(message);
    this.input = input;
  }
}

function resolved(schema, root, depth = 0) {
  if (!schema || typeof schema !== "object" || depth > 20) return {};
  if (typeof schema.$ref === "string" && schema.$ref.startsWith("#")) {
    const steps = schema.$ref.slice(1).split("/").slice(1).map((step) => decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~"));
    const target = steps.reduce((at, step) => (at && Object.hasOwn(at, step) ? at[step] : undefined), root);
    const { $ref, ...beside } = schema;
    return { ...resolved(target, root, depth + 1), ...beside };
  }
  for (const word of ["anyOf", "oneOf", "allOf"]) {
    if (!Array.isArray(schema[word])) continue;
    const rest = schema[word].filter((one) => one?.type !== "null");
    if (rest.length === 1) {
      const { [word]: _, ...beside } = schema;
      return { ...resolved(rest[0], root, depth + 1), ...beside };
    }
  }
  if (Array.isArray(schema.type)) {
    const types = schema.type.filter((type) => type !== "null");
    if (types.length === 1) return { ...schema, type: types[0] };
  }
  return schema;
}

// The values to choose from, as [value, text].
function choicesOf(schema) {
  if (Array.isArray(schema.enum)) return schema.enum.filter((one) => one !== null).map((one, at) => [one, String(schema.enumNames?.[at] ?? one)]);
  const consts = schema.oneOf ?? schema.anyOf;
  if (Array.isArray(consts) && consts.length && consts.every((one) => one && "const" in one)) return consts.map((one) => [one.const, String(one.title ?? one.const)]);
  return null;
}

function makeField(given, root, label, required, depth = 0) {
  const schema = { ...resolved(given, root), title: given?.title }; // a type's title is no name of a value
  const choices = choicesOf(schema);
  const items = schema.type === "array" ? resolved(schema.items, root) : {};
  if (schema.type === "object" && schema.properties && depth < 3) return objectField(schema, root, label, required, depth);
  if (choices) return choiceField(schema, label, required, choices);
  if (choicesOf(items)) return severalField(schema, label, required, choicesOf(items));
  if (schema.type === "boolean") return booleanField(schema, label, required);
  if (schema.type === "number" || schema.type === "integer") return numberField(schema, label, required);
  if (schema.type === "string") return stringField(schema, label, required);
  if (["string", "integer", "number"].includes(items.type)) return linesField(schema, items, label, required);
  return jsonField(schema, label, required);
}

function wrapped(input, schema, label, required, hint = "") {
  input.id = newId();
  const preset = typeof schema.default === "string" && shown(schema.default) !== schema.default ? `default: ${schema.default}` : "";
  const texts = [schema.description, hint, preset].filter(Boolean);
  const note = texts.length ? said(texts.join(" · "), { className: "hint lines", id: newId() }) : null;
  if (note) input.setAttribute("aria-describedby", note.id);
  const marked = el("label", { htmlFor: input.id }, said(schema.title ?? label), required && el("span", { className: "must", title: "required" }, " *"));
  return el("div", { className: "field" }, marked, note, input);
}

function stringField(schema, label, required) {
  const types = { email: "email", uri: "url", date: "date" };
  const hints = { "date-time": "such as 2026-07-28T09:30:00Z", time: "such as 09:30:00Z", uuid: "a UUID" };
  const input = el("input", { type: types[schema.format] ?? "text", required, autocomplete: "off", value: schema.default ?? "" });
  if (Number.isInteger(schema.maxLength)) input.maxLength = schema.maxLength;
  return { node: wrapped(input, schema, label, required, hints[schema.format]), read: () => (input.value === "" && !required ? undefined : input.value), input };
}

function numberField(schema, label, required) {
  const { minimum: min, maximum: max } = schema;
  const input = el("input", { type: "number", required, min, max, step: schema.type === "integer" ? 1 : "any", value: schema.default ?? "" });
  const hint = min !== undefined && max !== undefined ? `${min} to ${max}` : min !== undefined ? `at least ${min}` : max !== undefined ? `at most ${max}` : "";
  return { node: wrapped(input, schema, label, required, hint), read: () => (input.value === "" ? undefined : Number(input.value)) };
}

function booleanField(schema, label, required) {
  if (!required && typeof schema.default !== "boolean") return choiceField(schema, label, false, [[true, "yes"], [false, "no"]]);
  const input = el("input", { type: "checkbox", checked: schema.default === true, id: newId() });
  const note = schema.description ? said(schema.description, { className: "hint lines", id: newId() }) : null;
  if (note) input.setAttribute("aria-describedby", note.id);
  const node = el("div", { className: "field" }, el("label", { className: "choice" }, input, said(schema.title ?? label)), note);
  return { node, read: () => input.checked };
}

function choiceField(schema, label, required, choices) {
  const select = el("select", { required }, choices.map(([, text], at) => el("option", { value: at }, shown(text))));
  const chosen = choices.findIndex(([value]) => value === schema.default);
  if (!required || chosen < 0) select.prepend(el("option", { value: "" }, required ? "Choose…" : "–"));
  select.value = chosen < 0 ? "" : chosen;
  return { node: wrapped(select, schema, label, required), read: () => (select.value === "" ? undefined : choices[select.value][0]) };
}

function severalField(schema, label, required, choices) {
  const boxes = choices.map(([value, text]) => [value, text, el("input", { type: "checkbox", checked: (schema.default ?? []).includes?.(value) })]);
  const node = el("fieldset", {}, el("legend", {}, said(schema.title ?? label)), schema.description && said(schema.description, { className: "hint lines" }),
    boxes.map(([, text, box]) => el("label", { className: "choice" }, box, said(text))));
  const read = () => boxes.filter(([, , box]) => box.checked).map(([value]) => value);
  return { node, read: () => (read().length || required ? read() : undefined) };
}

function linesField(schema, items, label, required) {
  const input = el("textarea", { required, spellcheck: false, value: (schema.default ?? []).join?.("\n") ?? "" });
  const read = () => {
    const lines = input.value.split("\n").filter((line) => line !== "");
    if (!lines.length && !required) return undefined;
    if (items.type === "string") return lines;
    const numbers = lines.map(Number);
    if (numbers.some(Number.isNaN)) throw new Invalid(input, "Write one number a line");
    return numbers;
  };
  return { node: wrapped(input, schema, label, required, "one a line"), read };
}

function jsonField(schema, label, required) {
  const value = schema.default === undefined ? "" : JSON.stringify(schema.default, null, 2);
  const input = el("textarea", { required, spellcheck: false, className: "code", value });
  const node = wrapped(input, schema, label, required, "JSON");
  if (Object.keys(schema).some((key) => !["title", "description", "default", "type", "additionalProperties"].includes(key))) node.append(more("Schema of this value", asJson(schema)));
  return { node, read: () => readJson(input), input };
}

function readJson(input) {
  if (input.value.trim() === "") return undefined;
  try {
    return JSON.parse(input.value);
  } catch (error) {
    throw new Invalid(input, `This is not JSON: ${error.message}`);
  }
}

// Nothing is required of an object that may be left out as a whole: the server says what is missing.
function fieldsOf(schema, root, depth = 0, insist = true) {
  const needed = new Set(insist && Array.isArray(schema.required) ? schema.required : []);
  return Object.entries(schema.properties ?? {}).map(([name, inner]) => [name, makeField(inner, root, name, needed.has(name), depth)]);
}

function valuesOf(fields) {
  const pairs = fields.map(([name, field]) => [name, field.read()]).filter(([, value]) => value !== undefined);
  return Object.fromEntries(pairs);
}

function objectField(schema, root, label, required, depth) {
  const fields = fieldsOf(schema, root, depth + 1, required);
  const node = el("fieldset", {}, el("legend", {}, said(schema.title ?? label)), schema.description && said(schema.description, { className: "hint lines" }),
    fields.map(([, field]) => field.node));
  const read = () => {
    const values = valuesOf(fields);
    return Object.keys(values).length || required ? values : undefined;
  };
  return { node, read };
}

// The fields of an object's schema, and beside them its JSON, for what no field can say.
function schemaForm(given) {
  const schema = resolved(given ?? {}, given);
  const fields = fieldsOf(schema, given);
  const simple = el("div", {}, fields.map(([, field]) => field.node));
  const text = jsonField({}, "Arguments as JSON", false);
  text.node.hidden = true;
  const toggle = el("button", { type: "button", "aria-pressed": "false" }, "Edit as JSON");
  const inputs = () => simple.querySelectorAll("input, select, textarea");
  toggle.addEventListener("click", () => {
    const on = text.node.hidden;
    if (on) {
      try {
        text.input.value = JSON.stringify(valuesOf(fields), null, 2);
      } catch (error) {
        if (!(error instanceof Invalid)) throw error;
      }
    }
    text.node.hidden = !on;
    simple.hidden = on;
    for (const input of inputs()) input.disabled = on;
    toggle.setAttribute("aria-pressed", String(on));
    if (on) text.input.focus();
  });
  const read = () => (simple.hidden ? text.read() ?? {} : valuesOf(fields));
  return { nodes: [simple, text.node], toggle, read, isEmpty: !fields.length };
}

// What read() gives; a field that cannot be read is shown to the user, and there is nothing.
function tryRead(read) {
  try {
    return { value: read() };
  } catch (error) {
    if (!(error instanceof Invalid)) throw error;
    error.input.setCustomValidity(error.message);
    error.input.reportValidity();
    error.input.addEventListener("input", () => error.input.setCustomValidity(""), { once: true });
    return null;
  }
}
