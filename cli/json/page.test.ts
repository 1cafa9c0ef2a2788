import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { run } from "../testing.ts";
import { documents } from "./documents.ts";
import { jsonSchemaOf } from "./schema.ts";

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
}

/** `id`, `name?`, `items: [id, name]`: the fields of a document, and those of a list's items. */
const fieldsOf = ({ properties, required = [], anyOf, oneOf }: Schema): string => {
  const either = anyOf ?? oneOf;
  if (either !== undefined) return [...new Set(either.map(fieldsOf))].join(" | ");
  return Object.entries(properties ?? {})
    .map(([name, inner]) => {
      const field = `${name}${required.includes(name) ? "" : "?"}`;
      const fields = name === "items" && inner.items ? fieldsOf(inner.items) : "";
      return fields === "" ? field : `${field}: [${fields}]`;
    })
    .join(", ");
};

test("docs/json.md has the fields of every command's document", () => {
  const page = readFileSync(new URL("../../docs/json.md", import.meta.url), "utf8");
  const [, list = ""] = page.split(/^## Their fields\n\n.*\n\n/m);
  const expected = Object.keys(documents).flatMap((path) => {
    const schema = jsonSchemaOf(path);
    return schema === undefined ? [] : [`- \`${path}\`: ${fieldsOf(schema as Schema)}`];
  });
  assert.equal(list, `${expected.join("\n")}\n`);
});

test("help gives the schema of what a command prints", async () => {
  const { exitCode, stdout } = await run(["help", "plan", "list", "--json"]);
  assert.equal(exitCode, 0);
  assert.deepEqual(JSON.parse(stdout), JSON.parse(JSON.stringify(jsonSchemaOf("plan list"))));
});
