import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { planIdSchema } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { Grant } from "../storage/control.ts";
import type { PeerClient } from "../tunnel/client.ts";
import { paths, type Session, type SessionOpen } from "./protocol.ts";
import { credentialsOf, site } from "./testing/credentials.ts";
import { groupOf, openTwoSites, owner, plan, runOf, type TwoSites, writeTo } from "./testing/two-sites.ts";

const mib = 1024 * 1024;
const geometry = { extentBytes: mib, stripeCount: 1, stripeBytes: mib };
const { signal } = new AbortController();

const code = (expected: string) => (error: unknown) => {
  assert.ok(VisibleError.is(error), String(error));
  assert.equal(error.code, expected, error.message);
  return true;
};

async function* of(...chunks: Uint8Array[]) {
  yield* chunks;
}

/*
 * What a gateway with a valid certificate tries that its multi-cluster has given it, against a
 * receiver that was told by its own control plane what it is to take, and from whom.
 */
describe("a receiver", () => {
  let sites: TwoSites;
  /** A gateway of a third site. */
  let third: PeerClient;
  let sequence = 0;
  before(async () => {
    sites = await openTwoSites();
    third = await sites.connect({ credentials: await credentialsOf(sites.authority, "c") });
  });
  after(async () => {
    await third.close();
    await sites.close();
  });

  /** An object with a snapshot of each of two groups that follow each other. */
  const newObject = async () => {
    const first = ++sequence;
    const second = ++sequence;
    const object = await sites.createVolume(`v${first}`, 2 * mib, geometry);
    await writeTo(sites.source, object, [{ offset: 0, data: randomBytes(2 * mib) }]);
    for (const group of [first, second]) await sites.snapshot(object, group);
    return { object, first, second };
  };

  const prepare = async (object: ObjectConfig, run: Grant): Promise<string> => {
    const [mirror] = await sites.target.prepareMirror({ owner, object, run: { ...run, index: 0 } });
    return mirror?.mirrorVolumeId ?? assert.fail();
  };

  const openBy = (peer: PeerClient, mirrorVolumeId: string, group: number, more: Partial<SessionOpen> = {}) => {
    const ids = { planId: plan, source: owner.source, mirrorVolumeId, groupId: groupOf(group), sequence: group };
    const json = { ...ids, baseGroupId: null, sizeBytes: 2 * mib, geometry, ...more };
    return peer.request({ method: "POST", path: paths.sessions, json, signal }) as Promise<Session>;
  };

  /** Every request that a session has besides its first. */
  const requestsIn = (peer: PeerClient, mirrorVolumeId: string, epoch: number) => {
    const extent = { mirrorVolumeId, extent: 0, epoch };
    const blocks = { blocks: [[0, 0]] };
    return [
      () => peer.upload({ path: paths.extent({ ...extent, from: "zeros" }), body: of(randomBytes(9)), signal }),
      () => peer.request({ method: "GET", path: paths.signature(extent), signal }),
      () => peer.request({ method: "POST", path: paths.signature(extent), json: blocks, signal }),
      () => peer.request({ method: "GET", path: paths.digests(mirrorVolumeId, epoch), signal }),
      () =>
        peer.request({ method: "POST", path: paths.complete(mirrorVolumeId, epoch), json: { digest: null }, signal }),
    ];
  };

  const isRefused = async (peer: PeerClient, mirror: string, epochs: readonly number[], expected: string) => {
    for (const epoch of epochs) {
      for (const request of requestsIn(peer, mirror, epoch)) await assert.rejects(request(), code(expected));
    }
  };

  test("refuses the largest number that the plan's own site names, and takes the groups that come later", async () => {
    const { object, first, second } = await newObject();
    const mirror = await prepare(object, runOf(first));
    const largest = { sequence: Number.MAX_SAFE_INTEGER };
    await assert.rejects(openBy(sites.peer, mirror, first, largest), code("NOT_GRANTED"));
    await assert.rejects(openBy(sites.peer, mirror, second, largest), code("NOT_GRANTED"));
    await assert.rejects(openBy(sites.peer, mirror, second), code("NOT_GRANTED"));
    await sites.send(object, first, null, { mirrorVolumeId: mirror });
    await sites.publish(mirror, first);
    await sites.send(object, second, first);
    await sites.publish(mirror, second);
    await sites.assertEqual(second);
  });

  test("takes nothing from another site's certificate, whatever it says and whichever request it makes", async () => {
    const { object, first } = await newObject();
    const mirror = await prepare(object, runOf(first));
    await assert.rejects(openBy(third, mirror, first), code("PEER_REFUSED"));
    await assert.rejects(openBy(third, mirror, first, { source: site("c") }), code("PEER_REFUSED"));
    const { epoch } = await openBy(sites.peer, mirror, first);
    await isRefused(third, mirror, [epoch - 1, epoch, epoch + 1], "PEER_REFUSED");
    assert.equal((await openBy(sites.peer, mirror, first)).epoch, epoch + 1, "nobody raised it in between");
  });

  test("takes a group from a site that the plan does not protect when it was told so, and then from no other", async () => {
    const { object, first } = await newObject();
    const mirror = await prepare(object, { ...runOf(first), sender: site("c") });
    await assert.rejects(openBy(sites.peer, mirror, first), code("PEER_REFUSED"));
    await isRefused(sites.peer, mirror, [0, 1], "PEER_REFUSED");
    const sent = await sites.send(object, first, null, { peer: third, mirrorVolumeId: mirror });
    assert.equal(sent.progress.phase, "done");
    await sites.publish(mirror, first);
    await sites.assertEqual(first);
  });

  test("goes by no word of whose the data is: another plan's or site's name opens nothing", async () => {
    const { object, first } = await newObject();
    const mirror = await prepare(object, runOf(first));
    const another = planIdSchema.parse("plan_01ARZ3NDEKTSV4RRFFQ69G5FAW");
    for (const more of [{ planId: another }, { source: site("c") }]) {
      await assert.rejects(openBy(sites.peer, mirror, first, more), code("NOT_OURS"));
    }
  });

  test("ends a session with its group: after the publication nothing of it can be replayed", async () => {
    const { object, first, second } = await newObject();
    const mirror = await prepare(object, runOf(first));
    await sites.send(object, first, null, { mirrorVolumeId: mirror });
    const { epoch } = await openBy(sites.peer, mirror, first);
    await sites.publish(mirror, first);
    await assert.rejects(openBy(sites.peer, mirror, first), code("GROUP_EXISTS"));
    await isRefused(sites.peer, mirror, [epoch], "FENCED");
    await prepare(object, runOf(second));
    await isRefused(sites.peer, mirror, [epoch], "FENCED");
    await assert.rejects(openBy(sites.peer, mirror, first), code("GROUP_EXISTS"));
    await sites.assertEqual(first);
  });

  test("ends a session that is aborted, and begins none of that group any more", async () => {
    const { object, first } = await newObject();
    const mirror = await prepare(object, runOf(first));
    const { epoch } = await openBy(sites.peer, mirror, first);
    await sites.target.abortGroup({ groupId: groupOf(first), owner });
    await isRefused(sites.peer, mirror, [epoch, epoch + 1], "FENCED");
    await assert.rejects(openBy(sites.peer, mirror, first), code("GROUP_ABORTED"));
  });

  test("ends a session when a newer run is told of, for whichever of the two sites comes with it", async () => {
    const { object, first, second } = await newObject();
    const mirror = await prepare(object, runOf(first));
    const { epoch } = await openBy(sites.peer, mirror, first);
    await prepare(object, { ...runOf(second), sender: site("c") });
    await isRefused(sites.peer, mirror, [epoch, epoch + 1], "PEER_REFUSED");
    await isRefused(third, mirror, [epoch], "FENCED");
    await openBy(third, mirror, second);
  });

  test("takes no second mirror of a group that it was told of one", async () => {
    const { object, first } = await newObject();
    const { object: other } = await newObject();
    await prepare(object, runOf(first));
    const [second] = await sites.target.prepareMirror({ owner, object: other });
    await assert.rejects(openBy(sites.peer, second?.mirrorVolumeId ?? "", first), code("NOT_GRANTED"));
  });

  test("looks at a session's shape before it changes anything", async () => {
    const { object, first } = await newObject();
    const mirror = await prepare(object, runOf(first));
    const before = await sites.target.findMirrorVolume(mirror);
    await assert.rejects(openBy(sites.peer, mirror, first, { sizeBytes: 3 * mib }), code("BAD_REQUEST"));
    assert.deepEqual(await sites.target.findMirrorVolume(mirror), before);
    assert.deepEqual((await openBy(sites.peer, mirror, first)).epoch, 2, "one of the preparation, one of this");
  });
});
