import { connect as connectTcp, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import type { TlsCredentials } from "../../gateway/tunnel/certificates.ts";
import { uploadProtocol, uploadsPath } from "../../gateway/tunnel/upload/protocol.ts";
import type { Attack } from "./attack.ts";

const heldMs = 8_000;

/** Opens many connections at once, holds them a while, and says how many the other end left. */
const hold = async (count: number, open: () => Socket): Promise<string> => {
  const sockets = Array.from({ length: count }, open);
  for (const socket of sockets) socket.on("error", () => undefined);
  await wait(heldMs);
  const left = sockets.filter(({ readyState }) => readyState === "open").length;
  for (const socket of sockets) socket.destroy();
  return `${left < count ? "not all" : "all"} were left`;
};

/** What takes up the places at a gateway's port. */
export const crowdAt = (site: string, endpoint: string, credentials: TlsCredentials): readonly Attack[] => {
  const { hostname: host, port } = new URL(`https://${endpoint}`);
  const tcp = () => connectTcp({ host, port: Number(port) });
  const tls = () =>
    connectTls({
      ...{ host, port: Number(port), minVersion: "TLSv1.3" as const, checkServerIdentity: () => undefined },
      ...{ ca: credentials.caPem, cert: credentials.certificatePem, key: credentials.keyPem },
    });
  const upload = () => {
    const socket = tls();
    socket.write(`GET ${uploadsPath} HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: ${uploadProtocol}\r\n\r\n`);
    return socket;
  };
  const headers = () => {
    const socket = tls();
    socket.write("POST /v1/sessions HTTP/1.1\r\nHost: x\r\n");
    return socket;
  };
  return [
    { name: `520 silent connections, at site ${site}`, carryOut: () => hold(520, tcp) },
    { name: `512 connections with its certificate, at site ${site}`, carryOut: () => hold(512, tls) },
    { name: `200 upload connections that send nothing, at site ${site}`, carryOut: () => hold(200, upload) },
    { name: `200 requests whose headers never end, at site ${site}`, carryOut: () => hold(200, headers) },
  ];
};
