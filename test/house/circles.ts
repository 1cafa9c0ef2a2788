import type { Graph } from "./imports.ts";

/** The way from one to itself that passes the fewest others; undefined where there is none. */
const wayBack = (graph: Graph, start: string): readonly string[] | undefined => {
  const cameFrom = new Map<string, string>();
  const reached = [start];
  for (const one of reached) {
    for (const next of graph.get(one) ?? []) {
      if (next === start) return [...wayTo(cameFrom, one), start];
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, one);
      reached.push(next);
    }
  }
  return undefined;
};

const wayTo = (cameFrom: ReadonlyMap<string, string>, end: string): readonly string[] => {
  const before = cameFrom.get(end);
  return before === undefined ? [end] : [...wayTo(cameFrom, before), end];
};

/** Circles, so that each of those that are in one is in one of these: `a → b → a`. */
export const circles = (graph: Graph): readonly string[] => {
  const told = new Set<string>();
  const found: string[] = [];
  for (const start of graph.keys()) {
    const way = told.has(start) ? undefined : wayBack(graph, start);
    if (way === undefined) continue;
    for (const one of way) told.add(one);
    found.push(way.join(" → "));
  }
  return found;
};
