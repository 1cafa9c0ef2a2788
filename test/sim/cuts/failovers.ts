import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { FailoverCommand, FailoverState } from "../../../core/api/failover/failover.ts";
import { siteA, siteB } from "../../../functions/api/testing.ts";
import { Cut } from "./cut.ts";
import type { FailoverWorld, Objects } from "./failover-world.ts";

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

export interface FailoverScenario {
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

const bringThere = async (world: FailoverWorld, kind: "planned" | "unplanned"): Promise<void> => {
  await world.begin(kind);
  await world.lead("continue", ["failed-over"]);
};

/** All of it, some of it or nothing. */
const someOf = (objects: Objects): readonly Objects[] =>
  Object.entries(objects).reduce<readonly Objects[]>(
    (all, [name, told]) => all.flatMap((some) => [some, { ...some, [name]: told }]),
    [{}],
  );

export const failovers: readonly FailoverScenario[] = [
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
      await bringThere(world, "planned");
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
      await bringThere(world, "unplanned");
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
      await bringThere(world, "planned");
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
  {
    title: "an undo that would lose something",
    before: async (world) => {
      await bringThere(world, "planned");
      await world.write(siteB, "db", 3);
    },
    act: (world) => world.say("undo"),
    kept: [1, 3],
    forward: { says: "failback", rests: { home: { a: [{ db: "3", web: "1, on" }], b: [{}] } } },
    back: {
      says: "continue",
      rests: {
        "failed-over": { a: [{ db: "1", web: "1" }], b: [{ db: "3", web: "1, on" }], extents: 2 },
        home: { a: [{ db: "3", web: "1, on" }], b: [{}] },
      },
    },
    steps: ["stopping", "comparing", "rolling-back", "starting", "deleting"],
  },
  {
    title: "a test of a failover",
    before: (world) => world.write(siteA, "db", 2),
    act: (world) => world.begin("test"),
    kept: [1, 2],
    // It goes by itself; nothing that is said before changes that.
    forward: { says: "continue", rests: { removed: { a: [{ db: "2", web: "1, on" }], b: [{}], extents: 2 } } },
    back: { says: "undo", rests: { removed: { a: [{ db: "2", web: "1, on" }], b: [{}], extents: 2 } } },
    steps: ["looking", "rebuilding", "starting", "stopping", "deleting"],
  },
];

export type Direction = "forward" | "back";

const isOneOf = (objects: Objects, some: readonly Objects[]): boolean =>
  some.some((one) => isDeepStrictEqual(one, objects));

/**
 * Plays it with the cut: to its end, or back from where somebody has died; then looks at everything
 * that there is.
 */
export const playFailover = async (
  world: FailoverWorld,
  cut: Cut,
  scenario: FailoverScenario,
  direction: Direction,
): Promise<void> => {
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
  await world.dropsComeBack();
  const wanted = rests[state] ?? assert.fail(state);
  const [a, b] = [await world.objects(siteA), await world.objects(siteB)];
  assert(isOneOf(a, wanted.a) && isOneOf(b, wanted.b), `${state}: ${JSON.stringify({ a, b })}`);
  await world.checkNothingLost(kept);
  await world.checkNothingLeft();
  world.cut = Cut.never();
  await world.checkNextBackup(wanted.extents ?? 0);
};
