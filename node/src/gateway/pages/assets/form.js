// A form made from a schema. `value()` gives what was entered; what a field cannot express is entered as JSON.

import { h } from "./dom.js";
import { choices, example, nullable } from "./schema.js";

let number = 0;

/** An editor for a value: {element, value}. `value` throws with the field's name if what was entered is none. */
export function editor(schema, root, name = "request", required = true, depth = 0) {
  const [resolved, may] = nullable(schema, root);
  const key = "f" + ++number;
  const optional = !required || may;
  const label = (text = name) => h("label", { for: key }, text, optional ? h("small", {}, " (optional)") : null);
  const hint = resolved.description ? h("small", { id: key + "-hint" }, resolved.description) : null;
  const described = hint ? key + "-hint" : null;
  const field = (input) => h("div", { class: "field" }, label(), input, hint);
  const values = choices(resolved, root);
  if (values) return select(values, optional, key, described, field);
  switch (resolved.type ?? (resolved.properties ? "object" : undefined)) {
    case "object":
      if (resolved.properties && depth < 4 && !optional) return object(resolved, root, name, depth);
      break;
    case "boolean":
      if (!optional) {
        const input = h("input", { id: key, type: "checkbox", "aria-describedby": described });
        input.checked = resolved.default === true;
        return { element: h("div", { class: "field" }, h("div", { class: "check" }, input, label()), hint), value: () => input.checked };
      }
      return select([true, false], true, key, described, field);
    case "integer": case "number": {
      const whole = resolved.type === "integer";
      const input = h("input", { id: key, type: "number", step: whole ? "1" : "any", min: resolved.minimum, max: resolved.maximum, value: resolved.default ?? "", required: !optional, "aria-describedby": described });
      const value = () => {
        if (input.value === "") return missing(name, optional);
        if (!Number.isFinite(Number(input.value))) throw new Error(`${name} takes a number`);
        return Number(input.value);
      };
      return { element: field(input), value };
    }
    case "string": {
      const long = (resolved.maxLength ?? 0) > 200;
      const input = h(long ? "textarea" : "input", { id: key, type: long ? null : "text", autocomplete: "off", minlength: resolved.minLength, maxlength: resolved.maxLength, "aria-describedby": described });
      if (resolved.default !== undefined) input.value = resolved.default;
      return { element: field(input), value: () => (input.value === "" && optional ? undefined : input.value) };
    }
    case "null": return { element: h("p", { class: "quiet" }, "It takes nothing."), value: () => null };
    default:
  }
  return json(resolved, root, name, optional, key, described, field);
}

function missing(name, optional) {
  if (optional) return undefined;
  throw new Error(`${name} is missing`);
}

function select(values, optional, key, described, field) {
  const input = h("select", { id: key, "aria-describedby": described }, optional ? h("option", { value: "" }, "–") : null, values.map((value, index) => h("option", { value: index }, typeof value === "string" ? value : JSON.stringify(value))));
  return { element: field(input), value: () => (input.value === "" ? undefined : values[Number(input.value)]) };
}

function object(schema, root, name, depth) {
  const required = schema.required ?? [];
  const fields = Object.entries(schema.properties).map(([key, part]) => [key, editor(part, root, key, required.includes(key), depth + 1)]);
  const inner = fields.length ? fields.map(([, field]) => field.element) : h("p", { class: "quiet" }, "It takes no arguments.");
  const element = depth === 0 ? h("div", { class: "field" }, inner) : h("fieldset", {}, h("legend", {}, name), inner);
  const value = () => Object.fromEntries(fields.map(([key, field]) => [key, field.value()]).filter(([, value]) => value !== undefined));
  return { element, value };
}

function json(schema, root, name, optional, key, described, field) {
  const start = optional ? "" : JSON.stringify(example(schema, root) ?? null, null, 2);
  const input = h("textarea", { id: key, class: "mono", spellcheck: "false", "aria-describedby": described });
  input.value = start;
  const value = () => {
    if (input.value.trim() === "") return missing(name, optional);
    try {
      return JSON.parse(input.value);
    } catch (error) {
      throw new Error(`${name} takes JSON: ${error.message}`);
    }
  };
  const element = field(input);
  element.querySelector("label").append(h("small", {}, " as JSON"));
  return { element, value };
}
