import type { AttachmentAnswer } from "../../core/api/restore/attach.ts";
import { quoted } from "./quoted.ts";
import type { Style } from "./style.ts";
import { printable } from "./style.ts";
import { type Column, table } from "./table.ts";
import { bytesText, instantText } from "./units.ts";

type Attached = NonNullable<AttachmentAnswer["attached"]>;

/** A disk's address in the form that NBD's tools take. */
export interface DiskAddress {
  readonly disk: number;
  readonly sizeBytes: number;
  readonly uri: string;
}

/** https://github.com/NetworkBlockDevice/nbd/blob/master/doc/uri.md */
export const socketAddresses = ({ socket, exports }: Pick<Attached, "socket" | "exports">): readonly DiskAddress[] =>
  exports.map(({ name, disk, sizeBytes }) => ({
    ...{ disk, sizeBytes },
    uri: `nbd+unix:///${encoded(name)}?socket=${socket.split("/").map(encoded).join("/")}`,
  }));

/** The same by TLS, with the certificates that lie in a folder. */
export const tlsAddresses = ({ tls, exports }: Attached, certificates: string): readonly DiskAddress[] =>
  tls === undefined
    ? []
    : exports.map(({ name, disk, sizeBytes }) => ({
        ...{ disk, sizeBytes },
        uri: `nbds://${tls.endpoint}/${encoded(name)}?tls-certificates=${certificates.split("/").map(encoded).join("/")}`,
      }));

/** Also of what a shell would take for its own. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*~]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

/** What can be done with it at once. */
const commandsFor = ({ uri }: DiskAddress): readonly string[] => [
  `nbdinfo ${quoted(uri)}`,
  `qemu-img convert -O qcow2 ${quoted(uri)} disk.qcow2`,
  `nbdcopy ${quoted(uri)} disk.img`,
];

/** What is attached, where, and what can be done with it. */
export const attachedText = (
  { runId, object, groupId, writable, until, attached }: AttachmentAnswer & { readonly attached: Attached },
  addresses: readonly DiskAddress[],
  style: Style,
): string => {
  const [first] = addresses;
  return [
    `${printable(object.name)} of ${groupId} is attached until ${instantText(until)}. ${howText(writable)}`,
    `Gateway “${attached.gatewayId}” serves it on the host ${printable(attached.host)}, to the gateway's user: ${printable(attached.socket)}`,
    `\n${addressTable(addresses, style)}`,
    ...(first === undefined ? [] : ["\nFor instance:", ...commandsFor(first).map((command) => `  ${command}`)]),
    `\nTo end it: smtx-backup group detach ${runId}`,
  ].join("\n");
};

/** The same of what a command serves itself. */
export const servedText = (
  of: {
    readonly objectName: string;
    readonly groupId: string;
    readonly writable: boolean;
    readonly until: string;
    readonly socket: string;
  },
  addresses: readonly DiskAddress[],
  style: Style,
): string => {
  const { objectName, groupId, writable, until, socket } = of;
  const [first] = addresses;
  return [
    `${printable(objectName)} of ${groupId} is attached until ${instantText(until)}, or Ctrl-C. ${howText(writable)}`,
    `It is served to the user of this command: ${printable(socket)}`,
    `\n${addressTable(addresses, style)}`,
    ...(first === undefined ? [] : ["\nFor instance:", ...commandsFor(first).map((command) => `  ${command}`)]),
  ].join("\n");
};

const howText = (writable: boolean): string =>
  writable ? "What is written to it is thrown away at the end." : "It can be read, and not written.";

const addressTable = (addresses: readonly DiskAddress[], style: Style): string =>
  table(
    addresses,
    [
      { title: "DISK", value: ({ disk }) => String(disk) },
      { title: "SIZE", value: ({ sizeBytes }) => bytesText(sizeBytes), align: "right" },
      { title: "ADDRESS", value: ({ uri }) => uri, paint: style.strong },
    ],
    { style, none: "" },
  );

const columns = (style: Style): readonly Column<AttachmentAnswer>[] => [
  { title: "OBJECT", value: ({ object }) => object.name, paint: style.strong },
  { title: "DISK", value: ({ disk }) => (disk === undefined ? "all" : String(disk)) },
  { title: "SITE", value: ({ siteId }) => siteId },
  { title: "SINCE", value: ({ since }) => instantText(since) },
  { title: "UNTIL", value: ({ until }) => instantText(until) },
  { title: "BY", value: ({ by }) => by },
  { title: "READ", value: ({ bytesRead }) => bytesText(bytesRead), align: "right" },
  { title: "WRITABLE", value: ({ writable }) => (writable ? "yes" : "no") },
  { title: "SOCKET", value: ({ attached }) => (attached === null ? "not yet" : attached.socket) },
  { title: "GROUP", value: ({ groupId }) => groupId },
  { title: "RUN", value: ({ runId }) => runId },
];

/** Attachments that go on. */
export const attachmentTable = (attachments: readonly AttachmentAnswer[], style: Style): string =>
  table(attachments, columns(style), { style, none: "Nothing is attached." });
