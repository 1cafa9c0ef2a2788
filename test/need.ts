import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { findTool } from "../infra/local/demo/tools.ts";
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

const notChecked = (context: TestContext, why: string): void => {
  const message = `NOT CHECKED: ${why}`;
  if (process.env["CI"]) assert.fail(message);
  process.stderr.write(`${message}\n`);
  context.skip(message);
};
