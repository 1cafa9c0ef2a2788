import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe, test } from "node:test";
import { z } from "zod";
import { sentenceCharactersMax } from "./bounds.ts";
import { reasonSchema } from "./reason.ts";

type Form = z.core.JSONSchema.BaseSchema;

const files = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" }).filter(
  (file) => file.endsWith(".ts") && !file.endsWith(".test.ts"),
);

/** Every schema that a file of `core/api` exports, as JSON Schema, by file and name. */
const schemas = async (): Promise<ReadonlyMap<string, Form>> => {
  const found = new Map<string, Form>();
  for (const file of files) {
    const exported: Readonly<Record<string, unknown>> = await import(`./${file}`);
    for (const [name, value] of Object.entries(exported)) {
      if (!(value instanceof z.ZodType)) continue;
      found.set(`${file} ${name}`, z.toJSONSchema(value, { io: "input", unrepresentable: "any" }));
    }
  }
  return found;
};

/** Of both ends, and without a quantifier that has no end. */
const isBounded = (pattern: string): boolean => {
  const bare = pattern.replaceAll(/\\./g, "x").replaceAll(/\[[^\]]*\]/g, "x");
  return /^\^.*\$$/s.test(bare) && !/[*+]|\{\d+,\}/.test(bare);
};

const isForm = (value: unknown): value is Form => typeof value === "object" && value !== null;

/** What of a schema has no end, by its place. */
const endless = (form: Form, place: string): readonly string[] => {
  const { type, enum: words, const: word, maxLength, pattern, maxItems, maxProperties, additionalProperties } = form;
  const isWord = words !== undefined || word !== undefined;
  const isEndless =
    (type === "string" && !isWord && maxLength === undefined && !isBounded(pattern ?? "")) ||
    (type === "array" && maxItems === undefined) ||
    (isForm(additionalProperties) && maxProperties === undefined);
  return [...(isEndless ? [`${place}: ${type}`] : []), ...inside(form, place).flatMap(([at, it]) => endless(it, at))];
};

const inside = (form: Form, place: string): readonly (readonly [place: string, form: Form])[] => {
  const { properties = {}, items, prefixItems, anyOf, oneOf, allOf, additionalProperties, propertyNames } = form;
  const several = [prefixItems, anyOf, oneOf, allOf].flatMap((forms) => forms ?? []);
  return [
    ...Object.entries(properties).map(([name, it]) => [`${place}.${name}`, it] as const),
    ...[items, ...several].map((it) => [place, it] as const),
    ...[additionalProperties, propertyNames].map((it) => [`${place}.*`, it] as const),
  ].flatMap(([at, it]) => (isForm(it) ? [[at, it] as const] : []));
};

/** What is called a code and is not of the form of one. */
const formless = (form: Form, place: string): readonly string[] => [
  ...(place.endsWith(".code") && form.pattern !== "^[A-Z][A-Z0-9_]{0,63}$" ? [place] : []),
  ...inside(form, place).flatMap(([at, it]) => formless(it, at)),
];

describe("what crosses a boundary", () => {
  test("has a maximum for each string, array and record", async () => {
    const all = await schemas();
    assert.ok(all.size > 100, `${all.size} schemas`);
    assert.deepEqual(
      [...all].flatMap(([name, form]) => endless(form, name)),
      [],
    );
  });

  test("has codes of one pattern", async () => {
    const all = await schemas();
    assert.ok([...all.values()].some((form) => JSON.stringify(form).includes('"code"')));
    assert.deepEqual(
      [...all].flatMap(([name, form]) => formless(form, name)),
      [],
    );
  });

  test("is looked through to the last of its schemas by these tests", () => {
    const endlessOf = (schema: z.ZodType) => endless(z.toJSONSchema(schema), "it");
    assert.deepEqual(endlessOf(z.object({ a: z.string().optional() })), ["it.a: string"]);
    assert.deepEqual(endlessOf(z.array(z.string().max(1))), ["it: array"]);
    assert.deepEqual(endlessOf(z.array(z.union([z.int(), z.string()])).max(1)), ["it: string"]);
    assert.deepEqual(endlessOf(z.record(z.string().max(1), z.int())), ["it: object"]);
    assert.deepEqual(endlessOf(z.string().regex(/^[a-z]+$/)), ["it: string"]);
    assert.deepEqual(endlessOf(z.string().regex(/[a-z]/)), ["it: string"]);
    assert.deepEqual(endlessOf(z.string().regex(/^[a-z+]{1,3}\*$/)), []);
  });
});

describe("a reason", () => {
  test("of 250,000 characters is cut, and never refused as a whole", () => {
    const { code, message } = reasonSchema.parse({ code: "INTERNAL", message: "x".repeat(250_000) });
    assert.deepEqual([code, message.length], ["INTERNAL", sentenceCharactersMax]);
    assert.ok(message.endsWith("x…"));
  });

  test("whose code is none, of 250,000 characters or with an escape sequence, is INTERNAL", () => {
    for (const code of ["X".repeat(250_000), "\u001b[2J", "", "lower", "A B", "X\n"]) {
      assert.deepEqual(reasonSchema.parse({ code, message: "It failed." }), {
        code: "INTERNAL",
        message: "It failed.",
      });
    }
    assert.equal(reasonSchema.parse({ code: "OF_A_NEWER_VERSION", message: "" }).code, "OF_A_NEWER_VERSION");
  });
});
