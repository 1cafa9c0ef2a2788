import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { findTool } from "../infra/local/demo/tools.ts";
import { ownNetworkProblem, sharedHostVariable } from "../infra/local/emulators/namespace.ts";
import { type ToolName, tools } from "./tools.ts";

type Body = (context: TestContext, tool: string) => Promise<void>;

/**
 * `test` for what needs a tool, whose path it is given. Where the tool is missing there is no test:
 * `npm test` has said so at its top. In CI it fails instead.
 */
export const testWith = async (name: ToolName): Promise<(title: string, body: Body) => void> => {
  const path = await findTool(name);
  if (path !== undefined) return (title, body) => void test(title, (context) => body(context, path));
  if (!process.env["CI"]) return () => undefined;
  const brings = tools.find((tool) => tool.name === name)?.package;
  return (title) => void test(title, () => assert.fail(`${name} is missing here; install ${brings}`));
};

/**
 * The path of a tool that a test needs. Where it is missing the test says so loudly and gives
 * up, and in CI it fails.
 *
 * @param from the Debian package that brings it
 */
export const needTool = async (context: TestContext, name: string, from: string): Promise<string | undefined> => {
  const path = await findTool(name);
  if (path !== undefined) return path;
  notChecked(context, `${name} is missing here; install ${from}`);
  return undefined;
};

/**
 * Whether this kernel has BBR. Where it has not the test says so loudly and gives
 * up, and in CI it fails.
 */
export const needBbr = async (context: TestContext): Promise<boolean> => {
  const known = await readFile("/proc/sys/net/ipv4/tcp_available_congestion_control", "utf8");
  if (known.split(/\s+/).includes("bbr")) return true;
  notChecked(context, "this kernel has no BBR; load it with: modprobe tcp_bbr");
  return false;
};

/** Whether the test may play another user of the machine, which root alone can. */
export const needRoot = (context: TestContext): boolean => {
  if (process.geteuid?.() === 0) return true;
  notChecked(context, "only root can play another user of the machine; run it as root");
  return false;
};

/**
 * Whether this user may have a network of his own. Where not the test says so loudly and gives up;
 * in CI it fails, unless CI has found out and said so.
 */
export const needOwnNetwork = async (context: TestContext): Promise<boolean> => {
  if (process.env[sharedHostVariable] === "1") {
    process.stderr.write(`NOT CHECKED: ${sharedHostVariable} is set\n`);
    context.skip(`${sharedHostVariable} is set`);
    return false;
  }
  const problem = await ownNetworkProblem();
  if (problem === undefined) return true;
  notChecked(context, `no network of one's own can be had here (${problem}); docs/local.md says what is missing`);
  return false;
};

const notChecked = (context: TestContext, why: string): void => {
  const message = `NOT CHECKED: ${why}`;
  if (process.env["CI"]) assert.fail(message);
  process.stderr.write(`${message}\n`);
  context.skip(message);
};
