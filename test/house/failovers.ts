import { failoverStateSchema } from "../../core/api/failover/failover.ts";
import { type LeadsTo, reachable } from "../../core/failover/testing-reachable.ts";
import { stateWords } from "../../core/failover/words.ts";

/** The table of ARCHITECTURE.md: where each command leads from each state. */
export const failoverDocumentation = (): string => {
  const found = reachable(["planned", "unplanned", "test"]);
  const head = ["state", "what it does", "then", "`continue`", "`undo`", "`failback`"];
  const rows = failoverStateSchema.options.map((state) => {
    const leads = found.get(state);
    const cells = (["done", "continue", "undo", "failback"] as const).map((column) => cellOf(state, leads, column));
    return [`\`${state}\``, stateWords[state], ...cells];
  });
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const lines = [head, widths.map((width) => "-".repeat(width)), ...rows].map(
    (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`,
  );
  return lines.join("\n");
};

const cellOf = (state: string, leads: LeadsTo | undefined, column: keyof LeadsTo): string =>
  [...(leads?.[column] ?? [])]
    .filter((next) => column !== "done" || next !== state)
    .map((next) => (next === state ? "again" : next))
    .join(", ") || "–";

const marked = /(<!-- failovers:.*-->\n)[\s\S]*?(\n<!-- end of failovers -->)/;

/**
 * A page with its table made anew.
 * @throws Error when the marks are not there, between which it stands
 */
export const withFailoverTable = (page: string, table: string): string => {
  if (!marked.test(page)) throw new Error("ARCHITECTURE.md has lost the marks around its table of failovers");
  return page.replace(marked, (_, before: string, after: string) => `${before}\n${table}\n${after}`);
};
