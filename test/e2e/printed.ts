/**
 * Compares what a page says that a command prints with what it prints. Ids, instants, sizes, ratios, durations and
 * ports are compared by what they are and not by their value, and white space by whether it is there. In the page
 *
 * - a line that is `…` stands for any lines, or none;
 * - a line that ends with `…` stands for what begins so.
 */
const volatile: readonly (readonly [RegExp, string])[] = [
  [/\b(plan|run|group|restore)_[0-9A-Z_]+Z?\b/g, "<$1>"],
  [/\b(lun|vm|volume)-[0-9a-f]{8,}\b/g, "<$1>"],
  [/\b[0-9a-f]{64}\b/g, "<sha256>"],
  [/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b/g, "<instant>"],
  [/127\.0\.0\.1:\d+/g, "127.0.0.1:<port>"],
  [/\b\d\d:\d\d\b/g, "<time of day>"],
  [/\b\d+(?:\.\d+)? ?(?:B|[KMGT]i?B)\b/g, "<size>"],
  [/\b\d+(?:\.\d+)?×/g, "<ratio>"],
  [/\b\d+(?:\.\d+)? ?(?:ms|s|min|h|d)\b(?: \d+ (?:s|min|h)\b)?/g, "<duration>"],
  [/[ \t]+/g, " "],
  [/ +$/gm, ""],
];

/** What of a text is the same each time. */
export const settledText = (text: string): string => {
  let settled = text.trimEnd();
  for (const [pattern, name] of volatile) settled = settled.replaceAll(pattern, name);
  return settled;
};

/** `counts: "any"`: whole numbers are not compared either. */
export const prints = (said: string, printed: string, { counts = "exact" }: { counts?: "exact" | "any" } = {}) => {
  const compared = (text: string) =>
    counts === "exact" ? settledText(text) : settledText(text).replaceAll(/\b\d+\b/g, "<count>");
  return pattern(compared(said)).test(`${compared(printed)}\n`);
};

const anyLines = "(?:.*\\n)*?";

const pattern = (said: string): RegExp => {
  const lines = said.split("\n").map((line) => {
    if (line === "…") return anyLines;
    return line.endsWith("…") ? `${quoted(line.slice(0, -1))}.*\\n` : `${quoted(line)}\\n`;
  });
  return new RegExp(`^${lines.join("")}$`);
};

const quoted = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
