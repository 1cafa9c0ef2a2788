import { createServer, connect as dial, type Socket } from "node:net";
import { startOwned } from "../../../gateway/processes/owned-process.ts";

/**
 * A program that listens on a port of a loopback of its own, and the way to it from outside:
 * `node bridge.js <socket> <port> <command> <parameters…>`. It runs the command, and passes on what
 * comes to the socket. It ends with the command, and both end when standard input does.
 */
const [socket, port, command, ...parameters] = process.argv.slice(2);
if (socket === undefined || port === undefined || command === undefined) {
  throw new Error("usage: bridge <socket> <port> <command> <parameters…>");
}
const connectionsMax = 1024;

const program = startOwned({
  command,
  parameters,
  endsBy: "signal",
  output: {
    stdout: (line) => process.stdout.write(`${line}\n`),
    stderr: (line) => process.stderr.write(`${line}\n`),
  },
});

/** Half an end goes on as half an end; a failure ends both. */
const join = (one: Socket, other: Socket): void => {
  one.pipe(other);
  one.on("error", () => other.destroy()).on("close", () => other.destroy());
};

const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  const inside = dial({ port: Number(port), host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
  join(client, inside);
  join(inside, client);
});
server.maxConnections = connectionsMax;
server.listen(socket);

const stop = (): void => void program.stop();
for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, stop);
// Also when we are not told: the other end of the pipe goes with the process that started us.
process.stdin.once("close", stop).once("end", stop).once("error", stop).resume();

// As it ended, so do we: whoever started us tells how.
const [kind, what] = (await program.ended).split(" ");
if (kind === "signal" && what !== undefined) process.kill(process.pid, what as NodeJS.Signals);
else process.exit(kind === "exit" ? Number(what) : 1);
