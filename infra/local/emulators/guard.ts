import { spawn } from "node:child_process";

/**
 * Runs a command for as long as somebody holds our standard input open: `node guard.js <command> [argument…]`. A parent
 * that ends in any way, kill -9 too, closes it, and then the command is terminated. Its exit code becomes ours.
 */
const [command, ...parameters] = process.argv.slice(2);
if (command === undefined) throw new Error("usage: guard <command> [argument…]");

const killAfterMilliseconds = 5_000;

// A terminal's Ctrl-C goes to every process of its group. The command has its own: our parent says when it ends.
process.on("SIGINT", () => undefined);
const child = spawn(command, parameters, { stdio: ["ignore", "inherit", "inherit"], detached: true });

const terminate = () => {
  child.kill("SIGTERM");
  setTimeout(() => child.kill("SIGKILL"), killAfterMilliseconds).unref();
};
process.on("SIGTERM", terminate);
process.stdin.on("close", terminate).on("error", terminate).resume();

child.on("error", (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(127);
});
child.on("exit", (code, signal) => process.exit(code ?? (signal === "SIGTERM" ? 0 : 1)));
