import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type ObjectConfig, objectConfigSchema } from "../api/object.ts";
import { type PlanRule, planRuleSchema } from "../api/plan.ts";
import { fitsRule, fitsUnusable, ruleText } from "./rule.ts";

const geometry = { extentBytes: 65_536, stripeCount: 1, stripeBytes: 65_536 };
const volume = (name: string, more: object = {}): ObjectConfig =>
  objectConfigSchema.parse({
    ...{ kind: "volume", id: "volume-1", name, volumes: [{ id: "volume-1", sizeBytes: 65_536, geometry }] },
    ...more,
  });
const file = (name: string, more: object = {}): ObjectConfig => {
  const [, , exportName, ...path] = name.split("/");
  return volume(name, { kind: "nfs-file", file: { export: exportName, path: path.join("/") }, ...more });
};
const rule = (written: object): PlanRule => planRuleSchema.parse({ kind: "volume", ...written });

const matches = (match: string, name: string) => fitsRule(rule({ match }), volume(name));

/** Letters few enough that patterns and names meet. */
const letters = fc.string({ unit: fc.constantFrom("a", "b", "💾"), minLength: 1, maxLength: 8 });
const pattern = fc.string({ unit: fc.constantFrom("a", "b", "💾", "*", "?"), minLength: 1, maxLength: 8 });

/** What a pattern means, written down as slowly as it is simple. */
const means = ([first, ...rest]: readonly string[], text: readonly string[]): boolean => {
  if (first === undefined) return text.length === 0;
  if (first === "*") return text.some((_, at) => means(rest, text.slice(at))) || means(rest, []);
  return text.length > 0 && (first === "?" || first === text[0]) && means(rest, text.slice(1));
};

describe("a rule's pattern", () => {
  test("is the name itself, with * for any characters and ? for one", () => {
    assert(matches("web-*", "web-"));
    assert(matches("web-*", "web-01"));
    assert(matches("*", "anything at all"));
    assert(matches("web-?", "web-💾"));
    assert(!matches("web-?", "web-01"));
    assert(!matches("web", "web-01"));
    assert(!matches("Web-*", "web-01"), "letters are compared as they are");
    assert(!matches("w.b", "web"), "a dot is a dot");
  });

  test("means the same however letters were composed", () => {
    assert(matches("b?ro", "bu\u0308ro"));
    assert(matches("bu\u0308*", "büro"));
  });

  test("fits what its meaning says, whatever it is", () => {
    fc.assert(
      fc.property(pattern, letters, (match, name) => {
        assert.equal(matches(match, name), means([...match], [...name]));
      }),
    );
  });

  test("made of a name by putting * and ? in place of parts of it fits the name", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(letters, fc.constantFrom("text", "*", "?")), { minLength: 1 }), (parts) => {
        const name = parts.map(([text]) => text).join("");
        const written = {
          text: (text: string) => text,
          "*": () => "*",
          "?": (text: string) => "?".repeat([...text].length),
        };
        assert(matches(parts.map(([text, as]) => written[as](text)).join(""), name));
      }),
    );
  });

  test("takes no time to speak of where many stars might stand for many things", { timeout: 10_000 }, () => {
    assert(!matches(`${"*a".repeat(120)}b`, "a".repeat(255)));
  });
});

describe("a rule", () => {
  test("takes objects of its kind alone, and never a mirror", () => {
    const origin = { planId: "plan_x", siteId: "z" };
    assert(!fitsRule(rule({ kind: "lun", match: "*" }), volume("web")));
    assert(!fitsRule(rule({ match: "*" }), volume("web", { origin: { ...origin, role: "mirror" } })));
    assert(fitsRule(rule({ match: "*" }), volume("web", { origin: { ...origin, role: "rebuilt" } })));
  });

  test("asks for a label by its key, or by its key and its value", () => {
    const labelled = volume("web", { labels: { env: "prod", "a=b": "c=d", empty: "" } });
    for (const label of ["env", "env=prod", "a=b", "a=b=c=d", "empty", "empty="]) {
      assert(fitsRule(rule({ label }), labelled), label);
    }
    for (const label of ["prod", "env=", "env=pro", "env=production", "a", "a=b=c", "constructor"]) {
      assert(!fitsRule(rule({ label }), labelled), label);
    }
    assert(!fitsRule(rule({ label: "env" }), volume("web")));
  });

  test("of a directory takes every file below it, and none beside it", () => {
    for (const directory of ["/exports/e1/vm", "/exports/e1/vm/"]) {
      const below = rule({ kind: "nfs-file", directory });
      assert(fitsRule(below, file("/exports/e1/vm/web.vmdk")));
      assert(fitsRule(below, file("/exports/e1/vm/deep/er/web.vmdk")));
      for (const beside of ["/exports/e1/vm2/web.vmdk", "/exports/e1/vm", "/exports/e2/vm/web.vmdk"]) {
        assert(!fitsRule(below, file(beside)), beside);
      }
    }
    assert(fitsRule(rule({ kind: "nfs-file", directory: "/exports/e1" }), file("/exports/e1/vm/web.vmdk")));
  });

  test("wants all that it asks for", () => {
    const all = rule({ kind: "nfs-file", directory: "/exports/e1", match: "*.vmdk", label: "env=prod" });
    const labels = { env: "prod" };
    assert(fitsRule(all, file("/exports/e1/web.vmdk", { labels })));
    assert(!fitsRule(all, file("/exports/e1/web.iso", { labels })));
    assert(!fitsRule(all, file("/exports/e2/web.vmdk", { labels })));
    assert(!fitsRule(all, file("/exports/e1/web.vmdk")));
  });

  test("knows of what can't be used its kind and its name, and no label", () => {
    const unusable = { kind: "volume", id: "volume-1", name: "web", unusable: "for this test" };
    assert(fitsUnusable(rule({ match: "w*" }), unusable));
    assert(!fitsUnusable(rule({ match: "w*", label: "env" }), unusable));
    assert(!fitsUnusable(rule({ kind: "vm", match: "w*" }), unusable));
  });

  test("is named in words", () => {
    assert.equal(ruleText(rule({ kind: "vm", match: "web-*" })), "vm web-*");
    assert.equal(ruleText(rule({ kind: "nfs-file", directory: "/exports/e1/vm/" })), "nfs-file below /exports/e1/vm");
    assert.equal(ruleText(rule({ kind: "vm", label: "env=prod" })), "vm with the label env=prod");
    assert.equal(
      ruleText(rule({ kind: "nfs-file", match: "*.vmdk", directory: "/exports/e1", label: "env" })),
      "nfs-file *.vmdk below /exports/e1 with the label env",
    );
  });
});
