import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { hangMs } from "../../test/patience.ts";
import { answerJson } from "./answer.ts";
import {
  code,
  countBytes,
  get,
  lengthOf,
  of,
  record,
  signal,
  TestedServer,
  upgradeTo,
  upgradeToUploads,
  uploadOf,
} from "./testing.ts";
import type { UploadHandler } from "./upload/server.ts";

/** What a server has logged of requests that it did not wait for. */
const cutAt = ({ log }: TestedServer) => log.lines.filter(({ message }) => message.includes("cut off at the stop"));

describe("a tunnel server that stops", () => {
  test("lets requests under way end, and cuts those that do not within the limit", async () => {
    const begun = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const polite = await TestedServer.start();
    polite.handler = async (_request, response) => {
      begun.resolve();
      await finish.promise;
      answerJson(response, 200, "done");
    };
    const answer = (await polite.client()).request(get);
    await begun.promise;
    const stopped = polite.stop(hangMs / 1000);
    finish.resolve();
    assert.equal(await answer, "done");
    await polite.closeClients();
    await stopped;

    const hung = Promise.withResolvers<void>();
    const stuck = await TestedServer.start();
    stuck.handler = () => {
      hung.resolve();
      return new Promise(() => undefined);
    };
    const cut = assert.rejects((await stuck.client()).request(get), code("LINK_BROKEN"));
    await hung.promise;
    await stuck.stop(0.05);
    await cut;
    await stuck.closeClients();
  });

  test("does not wait for a peer whose upgrade it refused, nor takes an upload after one that it waits for", async () => {
    const seen: string[] = [];
    const server = await TestedServer.start();
    server.uploads = async ({ path }) => seen.push(path);
    const open = async (head: string) => {
      const socket = await server.connect({ allowHalfOpen: true });
      socket.write(head);
      await once(socket, "data");
      return socket;
    };
    await open(upgradeTo("websocket"));
    const answered = await open(upgradeToUploads);
    // The first without its end.
    answered.write(Buffer.concat([record(Buffer.from("/x")), record(Buffer.alloc(4))]));
    await once(answered, "data");
    const stopped = server.stop(hangMs / 1000);
    answered.write(Buffer.concat([lengthOf(0), uploadOf("/y", 1)]));
    await stopped;
    assert.deepEqual(cutAt(server), [], "it does not take all the time that it may");
    assert.deepEqual(seen, ["/x"]);
  });

  test("lets uploads under way end, takes none after them, and cuts those that do not end", async () => {
    const start = async (uploads: UploadHandler) => {
      const server = await TestedServer.start();
      server.uploads = uploads;
      const peer = await server.client();
      const upload = () => peer.upload({ path: "/", body: of(Buffer.alloc(10)), signal });
      return { server, upload };
    };
    const begun = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const polite = await start(async () => {
      begun.resolve();
      await finish.promise;
      return "done";
    });
    const answer = polite.upload();
    await begun.promise;
    const stopped = polite.server.stop(hangMs / 1000);
    finish.resolve();
    assert.equal(await answer, "done");
    await stopped;
    await assert.rejects(polite.upload(), code("LINK_BROKEN"));
    await polite.server.closeClients();

    const idle = await start(countBytes);
    assert.equal(await idle.upload(), 10);
    await idle.server.stop(hangMs / 1000);
    assert.deepEqual(cutAt(idle.server), [], "a connection that nobody uses is not waited for");
    await idle.server.closeClients();

    const hung = Promise.withResolvers<void>();
    const stuck = await start(() => {
      hung.resolve();
      return new Promise(() => undefined);
    });
    const cut = assert.rejects(stuck.upload(), code("LINK_BROKEN"));
    await hung.promise;
    await stuck.server.stop(0.05);
    await cut;
    await stuck.server.closeClients();
  });
});
