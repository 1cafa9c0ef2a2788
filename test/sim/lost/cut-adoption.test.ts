import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ask,
  createAdoptionWorld,
  look,
  mainCluster,
  manifestOf,
  say,
  toldGroup,
} from "../../../functions/adoption/testing.ts";
import { siteA, siteB, type TestApi } from "../../../functions/api/testing.ts";
import { siteKey } from "../../../functions/documents/records.ts";
import { handleSweep } from "../../../functions/sweep.ts";
import { Cut, cutAround, Died } from "../cuts/cut.ts";

/**
 * A control plane that dies at the cut while it takes in two groups; each message comes again.
 */
const adoptedWithDeathAt = async (cut: Cut) => {
  const { api, signer } = await createAdoptionWorld();
  const createdAt = api.deps.clock.now();
  await api.deps.store.putAll([{ key: siteKey(siteA), body: { id: siteA, multiCluster: mainCluster, createdAt } }]);
  const groups = await Promise.all([2, 1].map((sequence) => toldGroup(siteB, manifestOf(sequence), signer)));
  const id = await ask(api, siteB);
  for (const told of groups.flat()) {
    try {
      await say(mortal(api, cut), siteB, id, 2, told);
    } catch (error) {
      if (!(error instanceof Died)) throw error;
      await say(api, siteB, id, 2, told);
    }
  }
  // What it left undone, the sweep does.
  api.pass(120);
  await handleSweep(api.deps);
  const documents: readonly ({ key: { partition: string }; body: object } | null)[] = JSON.parse(await api.dump());
  const stored = documents
    .flatMap((one) => (one === null || isRandom(one.key.partition) ? [] : JSON.stringify([one.key, one.body])))
    .map((text) => text.replaceAll(id, "ID"));
  return { answer: await look(api, siteB, id), stored: stored.toSorted() };
};

const isRandom = (partition: string): boolean => partition === "AUDIT" || partition === "TOKENS";

/** One life of it: whoever is cut writes nothing more. */
const mortal = (api: TestApi, cut: Cut): TestApi => {
  const life = { isDead: false };
  const come = (place: string) => cut.come(life, "control plane", place);
  const store = cutAround(api.deps.store, { come, names: ["commit", "putAll", "deleteAll"] });
  return { ...api, deps: { ...api.deps, store, tasks: cutAround(api.deps.tasks, { come, names: ["send"] }) } };
};

test("an adoption whose control plane dies at each of its writes knows at the end what it would have known", async () => {
  const whole = await adoptedWithDeathAt(Cut.never());
  assert.deepEqual([whole.answer.state, whole.answer.plans[0]?.groupsAdopted], ["done", 2]);
  let deaths = 0;
  for (let n = 1; ; n += 1) {
    const cut = new Cut({ of: "control plane" }, n);
    const { answer, stored } = await adoptedWithDeathAt(cut);
    if (cut.place === undefined) break;
    deaths += 1;
    const where = `the ${n}th: ${cut.place}`;
    assert.deepEqual([answer.state, answer.plans.length], ["done", 1], where);
    assert.deepEqual(withoutOutcomes(stored), withoutOutcomes(whole.stored), where);
  }
  assert(deaths > 20, `it died ${deaths} times`);
});

/** Without what is of the adoption itself: it says what was known before the death. */
const withoutOutcomes = (stored: readonly string[]): readonly string[] =>
  stored.filter((text) => !text.includes("ADOPTION#"));
