import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import { parentPort, workerData } from "node:worker_threads";
import type { TlsSink } from "./tls-rate.ts";

/* The thread that receives: tells its port, and when the sender has ended, how many bytes came. */
const { ca, cert, key } = workerData as TlsSink;
const server = createServer({ ca, cert, key, requestCert: true, minVersion: "TLSv1.3" }, (socket) => {
  let bytes = 0;
  socket.on("data", (piece) => {
    bytes += piece.length;
  });
  socket.on("end", () => parentPort?.postMessage(bytes));
});
server.listen(0, "127.0.0.1", () => parentPort?.postMessage((server.address() as AddressInfo).port));
