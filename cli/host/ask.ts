import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/**
 * The line that a person types in answer to a question; undefined when nobody is at a terminal. The
 * end of the input is an empty answer.
 * @throws the signal's reason
 */
export const ask = async (
  question: string,
  options: {
    readonly stdin: Readable & { readonly isTTY?: boolean };
    readonly write: (text: string) => void;
    readonly signal: AbortSignal;
  },
): Promise<string | undefined> => {
  const { stdin, write, signal } = options;
  if (!stdin.isTTY) return undefined;
  signal.throwIfAborted();
  write(question);
  // The terminal itself edits the line, and makes Ctrl-C a signal.
  const lines = createInterface({ input: stdin, terminal: false });
  const { promise, resolve } = Promise.withResolvers<string>();
  const end = () => lines.close();
  signal.addEventListener("abort", end, { once: true });
  lines.once("line", resolve).once("close", () => resolve(""));
  const answer = await promise;
  signal.removeEventListener("abort", end);
  lines.close();
  signal.throwIfAborted();
  return answer;
};
