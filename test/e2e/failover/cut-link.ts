import { existsSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import tls, { type ConnectionOptions, type TLSSocket } from "node:tls";

/**
 * The link between all sites is cut while a file is there, for gateways of one machine:
 * `CUT_LINK=FILE node --import cut-link.ts …`. What is encrypted goes to other gateways, and
 * nothing else does: the control plane is reached without TLS there. Child processes inherit it
 * through `NODE_OPTIONS`.
 */
const file = process.env["CUT_LINK"];
if (file === undefined) throw new Error("CUT_LINK names no file");

const lookMs = 50;
const open = new Set<TLSSocket>();
const broken = (): Error => Object.assign(new Error("the link is cut"), { code: "EHOSTUNREACH" });

const connect = tls.connect as (...args: readonly unknown[]) => TLSSocket;
tls.connect = ((...args: readonly (ConnectionOptions | unknown)[]) => {
  const socket = connect(...args);
  open.add(socket);
  socket.once("close", () => open.delete(socket));
  if (existsSync(file)) process.nextTick(() => socket.destroy(broken()));
  return socket;
}) as typeof tls.connect;
syncBuiltinESMExports();

setInterval(() => {
  if (open.size > 0 && existsSync(file)) for (const socket of open) socket.destroy(broken());
}, lookMs).unref();
