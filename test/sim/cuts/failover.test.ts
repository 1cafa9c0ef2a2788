import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import type { FailoverCommand, FailoverState } from "../../../core/api/failover/failover.ts";
import { siteA, siteB } from "../../../functions/api/testing.ts";
import { emptyCluster } from "./cluster.ts";
import { Cut, type Cuttable } from "./cut.ts";
import { cutEverywhere } from "./everywhere.ts";
import { FailoverWorld, type Objects } from "./failover-world.ts";

let empty = "";
before(async () => {
  empty = await emptyCluster();
});
after(() => rm(empty, { recursive: true }));

/** Where it may come to rest, and how everything is then. */
type Rests = Partial<Record<FailoverState, Rest>>;
interface Rest {
  /** What is there; one of these. */
  readonly a: readonly Objects[];
  readonly b: readonly Objects[];
  /** Extents that the next backup may send, besides the one that is written before it. */
  readonly extents?: number;
}

interface Way {
  /** What a person says whenever it waits. */
  readonly says: FailoverCommand;
  readonly rests: Rests;
}

interface Scenario {
  readonly title: string;
  /** Nobody is cut by then. */
  readonly before: (world: FailoverWorld) => Promise<void>;
  /** What a person does. */
  readonly act: (world: FailoverWorld) => Promise<unknown>;
  /** Seeds of what only one of the sites has. */
  readonly kept: readonly number[];
  readonly forward: Way;
  readonly back: Way;
  /** Of whom a call must have been cut: some of the steps, and of the control plane. */
  readonly steps: readonly string[];
}

/** Site a burns down, with what was written since the last backup. */
const burn = async (world: FailoverWorld): Promise<void> => {
  await world.write(siteA, "db", 2);
  await world.at(siteA).power("web", "off");
  world.asleep.add(siteA);
  for (let minute = 0; minute < 4; minute += 1) await world.passMinute();
};

const answersAgain = async (world: FailoverWorld): Promise<void> => {
  world.asleep.clear();
  await world.passMinute();
};

const failOver = async (world: FailoverWorld, kind: "planned" | "unplanned"): Promise<void> => {
  await world.begin(kind);
  await world.lead("continue", ["failed-over"]);
};

/** All of it, some of it or nothing. */
const someOf = (objects: Objects): readonly Objects[] =>
  Object.entries(objects).reduce<readonly Objects[]>(
    (all, [name, told]) => all.flatMap((some) => [some, { ...some, [name]: told }]),
    [{}],
  );

const scenarios: readonly Scenario[] = [
  {
    title: "an unplanned failover",
    before: burn,
    act: (world) => world.begin("unplanned"),
    kept: [1, 2],
    forward: {
      says: "continue",
      rests: { "failed-over": { a: [{ db: "2", web: "1" }], b: [{ db: "1", web: "1, on" }] } },
    },
    back: { says: "undo", rests: { undone: { a: [{ db: "2", web: "1" }], b: [{}], extents: 2 } } },
    steps: ["looking", "rebuilding", "starting"],
  },
  {
    title: "a planned failover",
    before: (world) => world.write(siteA, "db", 2),
    act: (world) => world.begin("planned"),
    kept: [1, 2],
    forward: {
      says: "continue",
      rests: { "failed-over": { a: [{ db: "2", web: "1" }], b: [{ db: "2", web: "1, on" }] } },
    },
    back: { says: "undo", rests: { undone: { a: [{ db: "2", web: "1, on" }], b: [{}], extents: 2 } } },
    steps: [
      ...["looking", "stopping", "snapshotting", "preparing", "transferring", "transferring: there", "publishing"],
      ...["comparing", "rebuilding", "starting"],
    ],
  },
  {
    title: "a failback",
    before: async (world) => {
      await failOver(world, "planned");
      await world.write(siteB, "db", 3);
    },
    act: (world) => world.say("failback"),
    kept: [1, 3],
    forward: { says: "failback", rests: { home: { a: [{ db: "3", web: "1, on" }], b: [{}] } } },
    back: {
      says: "undo",
      rests: {
        "failed-over": { a: ["1", "3"].map((db) => ({ db, web: "1" })), b: [{ db: "3", web: "1, on" }], extents: 2 },
        home: { a: [{ db: "3", web: "1, on" }], b: someOf({ db: "3", web: "1" }) },
      },
    },
    steps: [
      "stopping",
      "snapshotting",
      "transferring",
      "publishing",
      "comparing",
      "rolling-back",
      "starting",
      "deleting",
    ],
  },
  {
    title: "a failback to where something has changed",
    before: async (world) => {
      await burn(world);
      await failOver(world, "unplanned");
      await world.write(siteB, "db", 3);
      await world.write(siteB, "web", 4);
      await answersAgain(world);
    },
    act: (world) => world.say("failback"),
    kept: [2, 3, 4],
    forward: {
      says: "failback",
      rests: { home: { a: [{ db: "2", "failback-db": "3", web: "4, on" }], b: [{}] } },
    },
    back: {
      says: "undo",
      rests: {
        "failed-over": {
          a: ["1", "4"].map((web) => ({ db: "2", web })),
          b: [{ db: "3", web: "4, on" }],
          extents: 4,
        },
        home: { a: [{ db: "2", "failback-db": "3", web: "4, on" }], b: someOf({ db: "3", web: "4" }) },
      },
    },
    steps: ["rolling-back", "rebuilding", "starting", "deleting"],
  },
  {
    title: "an undone failover",
    before: async (world) => {
      await world.write(siteA, "db", 2);
      await failOver(world, "planned");
    },
    act: (world) => world.say("undo"),
    kept: [1, 2],
    forward: { says: "undo", rests: { undone: { a: [{ db: "2", web: "1, on" }], b: [{}] } } },
    back: {
      says: "continue",
      rests: {
        "failed-over": { a: [{ db: "2", web: "1" }], b: [{ db: "2", web: "1, on" }] },
        undone: { a: [{ db: "2", web: "1, on" }], b: [{}] },
      },
    },
    steps: ["stopping", "comparing", "starting", "deleting"],
  },
];

type Direction = "forward" | "back";

const isOneOf = (objects: Objects, some: readonly Objects[]): boolean =>
  some.some((one) => isDeepStrictEqual(one, objects));

const play = async (world: FailoverWorld, cut: Cut, scenario: Scenario, direction: Direction): Promise<void> => {
  const { before: come, act, kept, forward, back } = scenario;
  await come(world);
  let hasDied = false;
  world.cut = cut;
  world.onDeath = async () => {
    hasDied = true;
    await world.checkNothingLost(kept);
  };
  await act(world);
  const turns = () => direction === "back" && hasDied;
  await world.lead(forward.says, Object.keys(forward.rests) as FailoverState[], turns);
  await answersAgain(world);
  const { says, rests } = scenario[direction];
  if (direction === "back") await world.say(back.says);
  const { state } = await world.lead(says, Object.keys(rests) as FailoverState[]);
  const wanted = rests[state] ?? assert.fail(state);
  const [a, b] = [await world.objects(siteA), await world.objects(siteB)];
  assert(isOneOf(a, wanted.a) && isOneOf(b, wanted.b), `${state}: ${JSON.stringify({ a, b })}`);
  await world.checkNothingLost(kept);
  await world.checkNothingLeft();
  world.cut = Cut.never();
  await world.checkNextBackup(wanted.extents ?? 0);
};

/** `SIM_CUT_EACH=1` takes each call, and both ways from there; else it is some of them by chance. */
const asked = process.env["SIM_CUT_EACH"];
const each = Number(asked ?? 60);
const directions: readonly Direction[] = ["forward", "back"];
const byChance = Math.floor(Date.now() / 1000 / 60) % directions.length;

for (const [index, scenario] of scenarios.entries()) {
  describe(`${scenario.title} has a way forward and a way back, and loses nothing`, () => {
    for (const [way, direction] of directions.entries()) {
      if (asked === undefined && (way + index + byChance) % directions.length === 0) continue;
      const cut = (what: Cuttable) =>
        cutEverywhere({
          ...{ what, each },
          open: () => FailoverWorld.open({ swaps: index % 2 === 0 }, empty),
          play: (world, at) => play(world, at, scenario, direction),
        });

      test(`${direction}, where gateways die at any call of a storage`, async () => {
        assertStruck(await cut({ of: "storage" }), scenario.steps);
      });

      test(`${direction}, where the control plane dies at a commit or a message`, async () => {
        assertStruck(await cut({ of: "control plane" }), ["sweep: ", "report: commit", "report: send"]);
      });
    }
  });
}

/** Where each call is cut, that each of these begins some places' names; else that any was. */
const assertStruck = (places: readonly string[], wanted: readonly string[]): void => {
  const missing = wanted.filter((one) => !places.some((place) => place.startsWith(one)));
  assert.deepEqual(each === 1 ? missing : [], [], places.join("\n"));
  assert(places.length > 0);
};
