import { connect } from "node:net";

/*
 * What sshd runs whatever it is asked for: it asks the stand-in. The answer is a line of JSON with
 * the status and what goes to standard error, and then what is printed.
 */

const socket = connect(process.argv[2] ?? "");
socket.write(`${JSON.stringify(process.env["SSH_ORIGINAL_COMMAND"] ?? "")}\n`);
let head: Buffer | undefined = Buffer.alloc(0);
let end = { status: 1, complaint: "the stand-in is gone" };
socket.on("data", (chunk: Buffer) => {
  if (head === undefined) {
    process.stdout.write(chunk);
    return;
  }
  head = Buffer.concat([head, chunk]);
  const at = head.indexOf("\n");
  if (at < 0) return;
  end = JSON.parse(head.subarray(0, at).toString());
  process.stdout.write(head.subarray(at + 1));
  head = undefined;
});
socket.on("error", ({ message }) => process.stderr.write(message));
socket.on("close", () => {
  process.stderr.write(end.complaint);
  process.exitCode = end.status;
});
