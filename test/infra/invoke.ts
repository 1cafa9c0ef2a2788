import { spawn } from "node:child_process";
import { join } from "node:path";
import type { Bundle } from "./bundle.ts";

export interface Invocation {
  /**
   * CPU time from the import's begin until the handler is there: what else the
   * machine does is not in it.
   */
  readonly startMs: number;
  readonly result?: unknown;
  readonly error?: string;
  /** What it logged. */
  readonly lines: readonly string[];
}

const program = `
const begin = process.cpuUsage();
const { handler } = await import(process.env.BUNDLE);
const { user, system } = process.cpuUsage(begin);
const startMs = (user + system) / 1000;
const told = {};
try {
  if (process.env.EVENT) told.result = await handler(JSON.parse(process.env.EVENT), { awsRequestId: "1" });
} catch (error) {
  told.error = String(error);
}
const { writeSync } = await import("node:fs");
writeSync(3, JSON.stringify({ startMs, ...told }));
process.exit();`;

/**
 * Starts a bundle in a fresh process, as Lambda does, and gives it an event. Without an event it is
 * only started.
 */
export const invoke = async (
  bundle: Bundle,
  env: Readonly<Record<string, string>>,
  event?: unknown,
): Promise<Invocation> => {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    env: {
      ...env,
      BUNDLE: join(bundle.dir, "bundle.mjs"),
      ...(event === undefined ? {} : { EVENT: JSON.stringify(event) }),
    },
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    timeout: 60_000,
  });
  const texts = await Promise.all(
    ([child.stdout, child.stderr, child.stdio[3]] as NodeJS.ReadableStream[]).map(async (stream) => {
      let text = "";
      for await (const chunk of stream) text += chunk;
      return text;
    }),
  );
  const [stdout = "", stderr = "", told = ""] = texts;
  if (told === "") throw new Error(`the bundle of ${bundle.dir} ended without an answer: ${stderr}`);
  return { ...JSON.parse(told), lines: stdout.split("\n").filter((line) => line !== "") };
};
