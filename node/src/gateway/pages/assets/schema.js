// Reading JSON Schemas (2020-12), as far as a form or a description needs it.

/** The schema that a reference within the root leads to; anything else is taken as it stands. */
export function resolve(schema, root, depth = 0) {
  if (schema === true || schema === undefined || schema === null) return {};
  if (typeof schema.$ref !== "string" || depth > 16) return schema;
  const { $ref, ...beside } = schema;
  let target = $ref.startsWith("#") ? root : undefined;
  for (const part of $ref.slice(1).split("/").slice(1)) target = target?.[decodeURIComponent(part).replace(/~1/g, "/").replace(/~0/g, "~")];
  return target === undefined ? beside : { ...resolve(target, root, depth + 1), ...beside };
}

/** What a value is that may also be null: [schema, whether it may]. */
export function nullable(schema, root) {
  const resolved = resolve(schema, root);
  if (Array.isArray(resolved.type) && resolved.type.includes("null")) {
    const types = resolved.type.filter((type) => type !== "null");
    return [{ ...resolved, type: types.length === 1 ? types[0] : types }, true];
  }
  const options = resolved.anyOf ?? resolved.oneOf;
  if (options?.length === 2) {
    const others = options.filter((option) => resolve(option, root).type !== "null");
    if (others.length === 1) return [{ ...resolve(others[0], root), description: resolved.description ?? others[0].description }, true];
  }
  return [resolved, false];
}

/** The values that there are, where there are only some. */
export function choices(schema, root) {
  if (Array.isArray(schema.enum)) return schema.enum;
  const options = (schema.oneOf ?? schema.anyOf ?? []).map((option) => resolve(option, root));
  const values = options.flatMap((option) => ("const" in option ? [option.const] : option.enum ?? [undefined]));
  return values.length && !values.includes(undefined) ? values : null;
}

/** What kind of value it is, in a word. */
export function kind(schema, root) {
  const [resolved, may] = nullable(schema, root);
  const values = choices(resolved, root);
  const type = values ? values.map((value) => JSON.stringify(value)).join(" | ")
    : resolved.type === "array" ? `list of ${kind(resolved.items ?? {}, root)}`
    : Array.isArray(resolved.type) ? resolved.type.join(" | ") : resolved.type ?? (resolved.properties ? "object" : "anything");
  return may ? type + " or null" : type;
}

/** A value that fits, to begin with. */
export function example(schema, root, depth = 0) {
  const [resolved, may] = nullable(schema, root);
  if ("default" in resolved) return resolved.default;
  if (resolved.examples?.length) return resolved.examples[0];
  if (may || depth > 6) return null;
  const values = choices(resolved, root);
  if (values) return values[0];
  switch (resolved.type ?? (resolved.properties ? "object" : undefined)) {
    case "object": {
      const required = resolved.required ?? [];
      return Object.fromEntries(Object.entries(resolved.properties ?? {}).filter(([name]) => required.includes(name)).map(([name, part]) => [name, example(part, root, depth + 1)]));
    }
    case "array": return [];
    case "string": return "";
    case "integer": case "number": return resolved.minimum ?? 0;
    case "boolean": return false;
    default: return null;
  }
}
