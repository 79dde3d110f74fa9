"use strict";
const METHODS = ["get", "post", "put", "patch", "delete"];
let spec;

const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
};
// Words between backticks are code; nothing else of a description is markup.
const words = (text) => (text || "").split("`").map((part, place) => (place % 2 ? make("code", {}, part) : part));
const prose = (text) => (text || "").split(/\n\s*\n/).filter(Boolean).map((part) => make("p", {}, ...words(part.replace(/\s+/g, " "))));
const at = (ref) => ref.slice(2).split("/").reduce((node, key) => node[key.replace(/~1/g, "/").replace(/~0/g, "~")], spec);
const resolve = (schema) => (schema && schema.$ref ? at(schema.$ref) : schema || {});
const nameOf = (ref) => ref.split("/").pop();

const typeOf = (schema) => {
  if (!schema) return "";
  if (schema.$ref) return nameOf(schema.$ref);
  const options = schema.anyOf || schema.oneOf;
  if (options) return options.map(typeOf).join(" | ");
  if (schema.allOf) return schema.allOf.map(typeOf).join(" & ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.type === "array") return "[" + typeOf(schema.items) + "]";
  if (schema.type === "object" && typeof schema.additionalProperties === "object") return "{string: " + typeOf(schema.additionalProperties) + "}";
  const type = Array.isArray(schema.type) ? schema.type.join(" | ") : schema.type || "any";
  return schema.format ? type + " (" + schema.format + ")" : type;
};
const limits = (schema) => {
  const names = {minLength: "≥ # characters", maxLength: "≤ # characters", minimum: "≥ #", maximum: "≤ #", exclusiveMinimum: "> #",
    minItems: "≥ # items", maxItems: "≤ # items", default: "default #", pattern: "matches #"};
  return Object.keys(names).filter((name) => schema[name] !== undefined && schema[name] !== null)
    .map((name) => names[name].replace("#", typeof schema[name] === "object" ? JSON.stringify(schema[name]) : String(schema[name]))).join(", ");
};
const example = (schema, depth = 0) => {
  if (!schema || depth > 6) return null;
  if (schema.$ref) return example(at(schema.$ref), depth + 1);
  if (schema.examples && schema.examples.length) return schema.examples[0];
  if (schema.example !== undefined) return schema.example;
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  const options = schema.anyOf || schema.oneOf;
  if (options) return example(options.find((option) => option.type !== "null"), depth + 1);
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => example(part, depth + 1)));
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === "object" || schema.properties) {
    return Object.fromEntries(Object.entries(schema.properties || {}).map(([name, part]) => [name, example(part, depth + 1)]));
  }
  if (type === "array") return [example(schema.items, depth + 1)];
  if (type === "integer" || type === "number") return schema.minimum ?? 1;
  if (type === "boolean") return true;
  if (type === "null") return null;
  return {uuid: "019ab3e1-5c00-7a10-8c11-3a5d2f1e0001", "date-time": "2026-11-24T09:00:00Z", date: "2026-11-24", duration: "PT3H",
    email: "grace@shop.example", uri: "https://shop.example/"}[schema.format] ?? "string";
};

const fields = (schema, seen = []) => {
  const whole = resolve(schema);
  if (whole.type === "array") return fields(whole.items, seen);
  const options = whole.anyOf || whole.oneOf;
  if (options) return options.flatMap((option) => fields(option, seen));
  if (!whole.properties) return [];
  const table = make("table", {}, make("tr", {}, make("th", {}, "field"), make("th", {}, "type"), make("th", {}, "meaning")));
  const deeper = [];
  for (const [name, part] of Object.entries(whole.properties)) {
    const needed = (whole.required || []).includes(name);
    const text = [part.description || resolve(part).description, limits(part)].filter(Boolean).join(" · ");
    table.append(make("tr", {}, make("td", {class: "mono"}, name, needed ? make("span", {class: "need", title: "required"}, " *") : ""),
      make("td", {class: "type mono"}, typeOf(part)), make("td", {}, ...words(text))));
    for (const ref of refsIn(part)) if (!seen.includes(ref)) { seen.push(ref); deeper.push(ref); }
  }
  return [table, ...deeper.map((ref) => make("details", {}, make("summary", {}, make("code", {}, nameOf(ref))), ...fields({$ref: ref}, seen)))];
};
const refsIn = (schema) => {
  if (!schema || typeof schema !== "object") return [];
  if (schema.$ref) return at(schema.$ref).properties ? [schema.$ref] : [];
  return [...(schema.anyOf || []), ...(schema.oneOf || []), ...(schema.allOf || []), schema.items, schema.additionalProperties].flatMap(refsIn);
};
const json = (value) => make("pre", {}, make("code", {}, JSON.stringify(value, null, 2)));

const scopesOf = (operation) => {
  const ways = operation.security || [];
  const scopes = ways.flatMap((way) => Object.values(way).flat());
  if (!ways.length || ways.some((way) => !Object.keys(way).length)) return "public";
  return scopes.length ? scopes.join(" or ") : "signed in";
};

const responses = (operation) => {
  const box = make("div");
  for (const [status, response] of Object.entries(operation.responses)) {
    const content = Object.entries(response.content || {})[0];
    const inner = [...prose(response.description)];
    if (content && status.startsWith("2") && content[1].schema) inner.push(json(example(content[1].schema)), ...fields(content[1].schema));
    box.append(make("details", {open: false}, make("summary", {}, make("span", {class: "status s" + status[0]}, status), " ",
      make("span", {class: "what"}, content && content[0].includes("problem") ? "problem" : content ? typeOf(content[1].schema) : "no body")), ...inner));
  }
  return box;
};

const tryOut = (path, method, operation, parameters, media) => {
  const inputs = parameters.map((parameter) => ({parameter, input: make("input", {placeholder: parameter.name + " (" + parameter.in + ")", "aria-label": parameter.name})}));
  const body = media && make("textarea", {"aria-label": "body", spellcheck: "false"});
  const isForm = media && media[0].includes("urlencoded"), isUpload = media && media[0].includes("multipart");
  if (body) {
    const shown = example(media[1].schema);
    body.value = isForm ? Object.entries(shown || {}).map(([name, value]) => name + "=" + (value ?? "")).join("\n") : JSON.stringify(shown, null, 2);
  }
  const result = make("div");
  const send = async () => {
    const headers = {}, query = new URLSearchParams();
    let target = path;
    for (const {parameter, input} of inputs) {
      if (parameter.in === "path") target = target.replace("{" + parameter.name + "}", encodeURIComponent(input.value));
      else if (input.value && parameter.in === "query") query.append(parameter.name, input.value);
      else if (input.value && parameter.in === "header") headers[parameter.name] = input.value;
    }
    const token = document.getElementById("token").value, cart = document.getElementById("cart").value;
    if (token) headers.Authorization = "Bearer " + token;
    if (cart) headers["Cart-Token"] = cart;
    let content;
    if (body) {
      content = isForm ? new URLSearchParams(body.value.split("\n").filter((line) => line.includes("=")).map((line) => line.split(/=(.*)/s).slice(0, 2))) : body.value;
      if (!isForm) headers["Content-Type"] = media[0];
    }
    const started = performance.now();
    try {
      const answer = await fetch(target + (query.size ? "?" + query : ""), {method: method.toUpperCase(), headers, body: content});
      const text = await answer.text();
      let shown = text;
      try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: shown as it is */ }
      result.replaceChildren(make("p", {}, make("span", {class: "status s" + String(answer.status)[0]}, String(answer.status)),
        " in " + Math.round(performance.now() - started) + " ms"), make("pre", {}, make("code", {}, shown || "(no body)")));
    } catch (error) {
      result.replaceChildren(make("p", {}, "No answer: " + error.message));
    }
  };
  if (isUpload) return make("p", {class: "muted"}, "Files are sent with curl: ", make("code", {}, "curl -F file=@products.csv …"));
  return make("div", {class: "try"}, ...inputs.map(({input}) => input), body, make("div", {}, make("button", {onclick: send}, "Send")), result);
};

const curl = (path, method, operation, media) => {
  const parts = ["curl"];
  if (method !== "get") parts.push("-X " + method.toUpperCase());
  if (scopesOf(operation) !== "public") parts.push("-H 'Authorization: Bearer $TOKEN'");
  const key = (operation.parameters || []).find((parameter) => parameter.name === "Idempotency-Key" && parameter.required);
  if (key) parts.push("-H \"Idempotency-Key: $(uuidgen)\"");
  if (media && media[0].includes("urlencoded")) parts.push(...Object.keys(resolve(media[1].schema).properties || {}).slice(0, 3).map((name) => "-d " + name + "=…"));
  else if (media && media[0].includes("multipart")) parts.push("-F file=@products.csv");
  else if (media) parts.push("-H 'Content-Type: application/json'", "-d '" + JSON.stringify(example(media[1].schema)) + "'");
  parts.push("'" + location.origin + path + "'");
  return parts.join(" \\\n  ");
};

const card = (path, method, operation) => {
  const parameters = operation.parameters || [];
  const media = operation.requestBody && Object.entries(operation.requestBody.content)[0];
  const inside = make("div", {class: "inside"});
  const fill = () => {
    if (inside.childElementCount) return;
    inside.append(...prose(operation.description));
    if (parameters.length) {
      const table = make("table", {}, make("tr", {}, make("th", {}, "parameter"), make("th", {}, "in"), make("th", {}, "type"), make("th", {}, "meaning")));
      for (const parameter of parameters) {
        table.append(make("tr", {}, make("td", {class: "mono"}, parameter.name, parameter.required ? make("span", {class: "need"}, " *") : ""),
          make("td", {class: "type"}, parameter.in), make("td", {class: "type mono"}, typeOf(parameter.schema)),
          make("td", {}, ...words([parameter.description, limits(parameter.schema || {})].filter(Boolean).join(" · ")))));
      }
      inside.append(make("h3", {}, "Parameters"), table);
    }
    if (media) inside.append(make("h3", {}, "Body · " + media[0]), ...fields(media[1].schema));
    inside.append(make("h3", {}, "Answers"), responses(operation), make("h3", {}, "On the command line"), make("pre", {}, make("code", {}, curl(path, method, operation, media))),
      make("h3", {}, "Try it"), tryOut(path, method, operation, parameters, media));
  };
  const details = make("details", {ontoggle: fill}, make("summary", {}, make("span", {class: "verb " + method}, method.toUpperCase()),
    make("span", {class: "path"}, path), make("span", {class: "what"}, operation.summary || ""), make("span", {class: "tag"}, scopesOf(operation))), inside);
  const article = make("article", {id: operation.operationId}, details);
  article.dataset.words = [method, path, operation.summary, operation.operationId, scopesOf(operation), ...(operation.tags || [])].join(" ").toLowerCase();
  return article;
};

const draw = () => {
  const groups = new Map();
  for (const [path, item] of Object.entries(spec.paths)) {
    for (const method of METHODS) {
      if (!item[method]) continue;
      const tag = (item[method].tags || ["other"])[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push([path, method, item[method]]);
    }
  }
  const main = document.getElementById("reference"), contents = document.getElementById("contents");
  main.replaceChildren(make("h1", {}, spec.info.title), ...prose(spec.info.description));
  contents.replaceChildren();
  for (const [tag, operations] of groups) {
    main.append(make("h2", {id: "tag-" + tag}, tag));
    contents.append(make("h3", {}, tag));
    for (const [path, method, operation] of operations) {
      main.append(card(path, method, operation));
      contents.append(make("a", {href: "#" + operation.operationId, title: operation.summary, onclick: () => open(operation.operationId)},
        make("span", {class: "verb " + method}, method.toUpperCase()), make("span", {}, path.replace("/v1", ""))));
    }
  }
  if (location.hash) open(location.hash.slice(1));
};
const open = (id) => {
  const article = document.getElementById(id);
  if (!article || !article.querySelector("details")) return;
  article.querySelector("details").open = true;
  article.scrollIntoView();
};
document.getElementById("filter").addEventListener("input", (event) => {
  const wanted = event.target.value.trim().toLowerCase().split(/\s+/);
  for (const article of document.querySelectorAll("article")) {
    const fits = wanted.every((word) => article.dataset.words.includes(word));
    article.hidden = !fits;
    const link = document.querySelector('#contents a[href="#' + article.id + '"]');
    if (link) link.hidden = !fits;
  }
});
fetch("/openapi.json").then((answer) => answer.json()).then((document_) => { spec = document_; draw(); });
