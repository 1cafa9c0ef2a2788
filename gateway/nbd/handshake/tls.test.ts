import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect as connectTcp, createServer } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";
import { credentialsOf, newAuthority } from "../../transfer/testing/credentials.ts";
import { command, option, optionReply } from "../protocol.ts";
import { blocksOf, MemoryExport, NbdClient, serving } from "../testing.ts";

type Credentials = Awaited<ReturnType<typeof credentialsOf>>;
const contextOf = ({ caPem, certificatePem, keyPem }: Credentials) => ({
  ca: caPem,
  cert: certificatePem,
  key: keyPem,
});

const setUp = async (context: TestContext, admit: (socket: TLSSocket) => void = () => undefined) => {
  const authority = await newAuthority();
  const server = await credentialsOf(authority, "b");
  const { nbd } = await serving(context, new MemoryExport(blocksOf("ab")), {
    tls: { context: () => contextOf(server), admit },
  });
  const listener = createServer((socket) => nbd.accept(socket)).listen(0, "127.0.0.1");
  await once(listener, "listening");
  context.after(() => listener.close());
  const { port } = listener.address() as AddressInfo;
  const connect = async () => {
    const socket = connectTcp(port, "127.0.0.1");
    await once(socket, "connect");
    return new NbdClient(socket);
  };
  /** Goes on with TLS, as libnbd does. */
  const secure = async (client: NbdClient, options: ConnectionOptions) => {
    const [answer] = await client.option(option.startTls);
    assert.equal(answer?.type, optionReply.ack);
    client.incoming.release();
    const socket = connectTls({ ...options, socket: client.socket, checkServerIdentity: () => undefined });
    await once(socket, "secureConnect");
    return new NbdClient(socket);
  };
  return { authority, connect, secure };
};

describe("a port with TLS", () => {
  test("serves whoever has a certificate of the authority, by TLS 1.3", async (context) => {
    const admitted: string[] = [];
    const { authority, connect, secure } = await setUp(context, (socket) => {
      admitted.push(`${socket.getProtocol()} ${socket.getPeerCertificate().subjectaltname}`);
    });
    const client = await connect();
    await client.greet();
    const secured = await secure(client, contextOf(await credentialsOf(authority, "a")));
    assert.equal((await secured.option(option.startTls)).at(-1)?.type, optionReply.invalid, "once is enough");
    await secured.option(option.structuredReply);
    assert.equal((await secured.describe()).at(-1)?.type, optionReply.ack);
    assert.deepEqual(await secured.read(0, 2 * 65_536), blocksOf("ab"));
    assert.match(admitted.join(), /^TLSv1\.3 URI:.*a-1/);
    secured.request({ type: command.disconnect });
    await secured.ended();
  });

  test("tells nothing before TLS, and serves nothing", async (context) => {
    const { connect } = await setUp(context, () => assert.fail("nobody may come so far"));
    const client = await connect();
    await client.greet();
    for (const kind of [option.list, option.info, option.go, option.structuredReply, option.setMetaContext, 99]) {
      const [answer] = await client.option(kind);
      assert.equal(answer?.type, optionReply.tlsRequired, `${kind}`);
    }
    assert.equal((await client.option(option.abort)).at(-1)?.type, optionReply.ack);
    const old = await connect();
    await old.greet();
    old.send(Buffer.from("49484156454f50540000000100000000", "hex"));
    await old.ended();
  });

  test("refuses strangers, old protocols, and whoever is not admitted", async (context) => {
    const { authority, connect, secure } = await setUp(context, (socket) => {
      if (/c-1/.test(socket.getPeerCertificate().subjectaltname ?? "")) throw new Error("c may not");
    });
    const ours = await credentialsOf(authority, "a");
    const stranger = await credentialsOf(await newAuthority(), "a");
    const cases: readonly (readonly [string, ConnectionOptions])[] = [
      ["without a certificate", { ca: ours.caPem }],
      ["of another authority", { ...contextOf(stranger), ca: ours.caPem }],
      ["with TLS 1.2", { ...contextOf(ours), maxVersion: "TLSv1.2" }],
      ["not admitted", contextOf(await credentialsOf(authority, "c"))],
    ];
    for (const [name, options] of cases) {
      const client = await connect();
      await client.greet();
      const talk = async () => {
        const secured = await secure(client, options);
        await secured.describe();
      };
      await assert.rejects(talk, () => true, name);
    }
  });

  test("ends a connection that says STARTTLS and nothing more", async (context) => {
    const authority = await newAuthority();
    const credentials = await credentialsOf(authority, "b");
    const { connect } = await serving(context, new MemoryExport(blocksOf("a")), {
      tls: { context: () => contextOf(credentials), admit: () => undefined },
      limits: { handshakeSeconds: 0.1 },
    });
    const client = await connect();
    // On a busy machine it may end before.
    await client
      .greet()
      .then(() => client.option(option.startTls))
      .catch(() => undefined);
    await client.ended();
  });
});
