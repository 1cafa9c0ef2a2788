import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";

/** What a unit lets its processes call, as `filter.py` reads it. */
export interface UnitFilter {
  readonly calls: readonly string[];
  readonly families: readonly number[];
}

const families: Readonly<Record<string, number>> = { AF_UNIX: 1, AF_INET: 2, AF_INET6: 10, AF_NETLINK: 16 };

/**
 * What `SystemCallFilter=` and `RestrictAddressFamilies=` of a unit allow, read as systemd.exec(5)
 * says: the first line is what is allowed, and later ones add to it, or take away (`~`).
 * @param systemdAnalyze the program, which knows what is in systemd's sets
 */
export const unitFilter = (unit: string, systemdAnalyze: string): UnitFilter => {
  const expanded = (name: string): readonly string[] => {
    if (!name.startsWith("@")) return [name];
    const listed = execFileSync(systemdAnalyze, ["syscall-filter", name], { encoding: "utf8", timeout: 30_000 });
    const [, ...entries] = listed.split("\n").map((line) => line.trim());
    return entries.filter((entry) => entry !== "" && !entry.startsWith("#")).flatMap(expanded);
  };
  const [first = "", ...later] = settings(unit, "SystemCallFilter");
  assert(first !== "" && !first.startsWith("~"), "the unit has no list of what is allowed");
  // systemd always allows these, or nothing could be started.
  const calls = new Set(["@default", "execve", ...first.split(" ")].flatMap(expanded));
  for (const line of later) {
    const names = line.replace(/^~/, "").split(" ").flatMap(expanded);
    for (const name of names) line.startsWith("~") ? calls.delete(name) : calls.add(name);
  }
  const numbers = settings(unit, "RestrictAddressFamilies").flatMap((line) => line.split(" ").map(familyOf));
  return { calls: [...calls].sort(), families: numbers };
};

const settings = (unit: string, key: string): readonly string[] =>
  [...unit.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].map(([, value = ""]) => value);

const familyOf = (name: string): number => {
  const number = families[name];
  assert(number !== undefined, `the family ${name} is not known here`);
  return number;
};
