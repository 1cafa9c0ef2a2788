import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Places } from "./places.ts";

const setUp = (max: number) => {
  const places = new Places(max);
  const held = new Map<string, string>();
  const leave = new Map<string, () => void>();
  const enter = (site: string, names: string) => {
    for (const name of names) {
      held.set(name, site);
      leave.set(
        name,
        places.enter(site, () => held.delete(name)),
      );
    }
  };
  return { enter, leave: (name: string) => leave.get(name)?.(), holders: () => [...held.keys()].join("") };
};

describe("places", () => {
  test("are all one site's while nobody else comes, and no more than there are", () => {
    const { enter, holders } = setUp(4);
    enter("b", "1234");
    assert.equal(holders(), "1234");
    enter("b", "56");
    assert.equal(holders(), "1234", "what came last is cut");
  });

  test("are given up by the site that has the most, the newest first, when another comes", () => {
    const { enter, holders } = setUp(4);
    enter("b", "1234");
    enter("c", "x");
    assert.equal(holders(), "123x");
    enter("c", "y");
    assert.equal(holders(), "12xy");
    enter("c", "z");
    assert.equal(holders(), "12xy", "its share is what a site keeps, and no more");
    enter("b", "5");
    assert.equal(holders(), "12xy");
  });

  test("are kept for every site, whatever one of them does", () => {
    const { enter, holders } = setUp(512);
    enter("c", "c");
    enter("d", "d");
    for (let times = 0; times < 2000; times++) enter("b", String.fromCodePoint(1000 + times));
    assert.ok(holders().startsWith("cd"));
    assert.equal([...holders()].length, 512);
  });

  test("are given back once", () => {
    const { enter, leave, holders } = setUp(2);
    enter("b", "12");
    leave("1");
    leave("1");
    enter("b", "34");
    assert.equal(holders(), "123");
  });
});
