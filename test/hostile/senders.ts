import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

/** What SQS says of a message that somebody sent. */
interface Sent {
  readonly accessKeyId: string;
  readonly groupId: string | undefined;
}

/** A way to ministack that remembers who has sent which message. */
export interface SendersFront {
  readonly endpoint: string;
  /** Undefined for a message that did not come this way. */
  sentAs(messageId: string): Sent | undefined;
  stop(): Promise<void>;
}

interface SendAnswer {
  readonly MessageId?: string;
  readonly Successful?: readonly { readonly Id: string; readonly MessageId: string }[];
}
interface SendBody {
  readonly MessageGroupId?: string;
  readonly Entries?: readonly { readonly Id: string; readonly MessageGroupId?: string }[];
}

/**
 * ministack judges who may send, and then calls every message one of the account's. This passes on
 * what gateways say to it, as it is, and keeps what SQS would say of the sender: whose key has
 * signed the request. ministack refuses what isn't signed with it.
 */
export const startSendersFront = async (endpoint: string): Promise<SendersFront> => {
  const { hostname, port } = new URL(endpoint);
  const sent = new Map<string, Sent>();
  const note = (accessKeyId: string, asked: SendBody, answered: SendAnswer): void => {
    if (answered.MessageId !== undefined) sent.set(answered.MessageId, { accessKeyId, groupId: asked.MessageGroupId });
    for (const { Id, MessageId } of answered.Successful ?? []) {
      const groupId = asked.Entries?.find((entry) => entry.Id === Id)?.MessageGroupId;
      sent.set(MessageId, { accessKeyId, groupId });
    }
  };
  const server = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const isSending = /^AmazonSQS\.SendMessage/.test(String(headers["x-amz-target"]));
    const accessKeyId = /Credential=([^/]+)\//.exec(headers.authorization ?? "")?.[1] ?? "";
    const passed = request({ hostname, port, method, path: url, headers });
    const asked = isSending ? text(incoming.pipe(passed) && incoming) : Promise.resolve("{}");
    if (!isSending) incoming.pipe(passed);
    outgoing.on("close", () => passed.destroy());
    passed.on("response", (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      if (!isSending || answer.statusCode !== 200) return answer.pipe(outgoing);
      return Promise.all([asked, text(answer)])
        .then(([question, answered]) => {
          note(accessKeyId, JSON.parse(question), JSON.parse(answered));
          outgoing.end(answered);
        })
        .catch(() => outgoing.destroy());
    });
    passed.on("error", (error) =>
      outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end(error.message),
    );
  });
  server.listen({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const address = server.address() as AddressInfo;
  assert(address.port > 0);
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    sentAs: (messageId) => sent.get(messageId),
    async stop() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
};
