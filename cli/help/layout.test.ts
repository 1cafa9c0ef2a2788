import assert from "node:assert/strict";
import { test } from "node:test";
import { createProgram } from "../program.ts";
import { definitionOf, withInner } from "./definitions.ts";
import { examples } from "./help.ts";

const screens = (columns: number, lines: string[]) => {
  const screen = {
    columns,
    isTerminal: false,
    takeBack: () => undefined,
    write: (text: string) => void lines.push(...text.split("\n")),
  };
  return { env: {}, stdout: screen, stderr: screen };
};

const every = withInner(definitionOf(createProgram(screens(80, []), () => async () => undefined)));

/** The lines of a command's help on a screen of so many columns. */
const helpOf = (words: readonly string[], columns: number): readonly string[] => {
  const lines: string[] = [];
  let command = createProgram(screens(columns, lines), () => async () => undefined);
  for (const word of words) command = command.commands.find((inner) => inner.name() === word) ?? command;
  command.outputHelp();
  return lines;
};

/**
 * No word is broken. What is laid out in lines already: commands to be copied, and a command's
 * notes.
 */
const laidOut = new Set([
  ...examples.map((example) => `  ${example}`),
  ...every.flatMap(({ notes }) => notes.split("\n")),
]);

test("no line of any command's help is longer than the screen's", () => {
  for (const columns of [160, 80, 60, 40]) {
    for (const { words } of every) {
      const longer = helpOf(words, columns).filter(
        (line) => line.length > columns && !laidOut.has(line) && / /.test(line.trim()),
      );
      assert.deepEqual(longer, [], `${words.join(" ")} in ${columns} columns`);
    }
  }
});

test("a term that is too wide has a line of its own, and the descriptions stay below each other", () => {
  const lines = helpOf([], 80);
  const at = lines.indexOf("  gateway invite <gateway> --site <site>");
  const start = lines[at + 1]?.search(/\S/);
  assert.equal(lines.find((line) => line.startsWith("  site list "))?.indexOf("list the sites"), start);
});

test("a screen that hardly has a word's columns has lines all the same", () => {
  assert.deepEqual(helpOf(["status"], 1), helpOf(["status"], 20));
  assert.ok(Math.max(...helpOf(["status"], 1).map(({ length }) => length)) < 30);
});
