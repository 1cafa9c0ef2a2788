import type { Failover, FailoverObject, FailoverState } from "../api/failover/failover.ts";
import type { GroupId, Instant, PlanId, RunId, SiteId } from "../api/ids.ts";
import type { StepResult } from "./events.ts";
import { newFailover } from "./new-failover.ts";

const ulid = "01JZZZZZZZZZZZZZZZZZZZZZZZ";
const slotOf = (number: number) => `20260301T${number.toString().padStart(9, "0")}Z`;
export const start = "2026-03-01T00:00:00.000Z" as Instant;
const groupIdAt = (number: number) => `group_${ulid}_${slotOf(number)}` as GroupId;

/** A failover that was just confirmed, from site a to site b. */
export const testFailover = (kind: Failover["kind"]): Failover =>
  newFailover({
    id: `failover_${ulid}_${slotOf(0)}` as Failover["id"],
    ...{ planId: `plan_${ulid}` as PlanId, planName: "nightly", kind, now: start, wishes: {} },
    ...{ home: "a" as SiteId, to: "b" as SiteId },
    ...(kind !== "planned" && { group: { id: groupIdAt(1), takenAt: start } }),
    ...(kind === "test" && { forSeconds: 3600 }),
  });

/** All that was ever written to it, so that what is lost can be seen. */
type Content = readonly number[];
type Contents = ReadonlyMap<string, Content>;

export const objects: readonly FailoverObject[] = [
  { kind: "vm", id: "vm-1", name: "web" },
  { kind: "lun", id: "lun-1", name: "db" },
];
const machine = "vm-1";

const isSame = (one: Content | undefined, other: Content | undefined): boolean =>
  one !== undefined && other !== undefined && one.join() === other.join();

/**
 * Two sites with the objects of a plan, in as little as it takes to see what a failover does to
 * them: what was written, and what is on.
 */
export class HomeAndThere {
  home = new Map<string, Content>();
  /** Made at home beside the originals; they stand for these. */
  beside = new Map<string, Content>();
  there = new Map<string, Content>();
  /** What stays though a failover has made it, since it had changed. */
  leftBehind: Content[] = [];
  sentBack: Contents = new Map();
  readonly groups = new Map<string, Contents>();
  readonly on = new Set<"home" | "there">(["home"]);
  place: "home" | "there" = "home";
  written: number[] = [];
  /** Machines were switched on by an order while those of the other site were on. */
  ranTwice = 0;
  private runs = 10;

  constructor() {
    for (const { id } of objects) this.home.set(id, []);
    for (const { id } of objects) this.write("home", id);
    this.groups.set(groupIdAt(1), new Map(this.home));
  }

  /** Somebody writes, at whichever site, whether he should or not. */
  write(site: "home" | "there", id: string): void {
    const at = site === "there" ? this.there : this.beside.has(id) ? this.beside : this.home;
    const before = at.get(id);
    if (before === undefined) return;
    const next = this.written.length + 1;
    this.written.push(next);
    at.set(id, [...before, next]);
  }

  /**
   * Somebody deletes an original. What it had is his to lose.
   * @param isUsedThere what stands for it at the other site is what people use
   */
  deleteOriginal(id: string, isUsedThere: boolean): void {
    const gone = this.home.get(id) ?? [];
    this.home.delete(id);
    const kept = new Set(isUsedThere ? this.kept() : (this.beside.get(id) ?? []));
    this.written = this.written.filter((one) => kept.has(one) || !gone.includes(one));
  }

  /** What objects have, wherever they are, and what home has of those there as a restore point. */
  kept(): readonly number[] {
    const made = [...this.beside.values(), ...this.there.values(), ...this.leftBehind];
    return [...this.home.values(), ...made, ...this.sentBack.values()].flat();
  }

  lost(): readonly number[] {
    const kept = new Set(this.kept());
    return this.written.filter((one) => !kept.has(one));
  }

  /**
   * Does what a state says.
   * @param cut it dies or fails half-way
   * @returns what it has come to; undefined: it can't be done
   */
  carryOut(failover: Failover, cut: boolean): StepResult | undefined {
    this.runs += 1;
    const runId = `run_${ulid}_${slotOf(this.runs)}` as RunId;
    const result = this.work[failover.state]?.call(this, failover, cut) ?? {};
    return result === refused ? undefined : { runId, ...result };
  }

  private readonly work: Partial<Record<FailoverState, (failover: Failover, cut: boolean) => StepResult>> = {
    stopping: () => this.stop("home"),
    "stopping-here": () => this.stop("home"),
    "stopping-there": () => this.stop("there"),
    "undo-stopping": () => this.stop("there"),
    sending: () => this.send(this.atHome()),
    "sending-back": () => {
      this.sentBack = new Map(this.there);
      return this.send(this.there);
    },
    comparing: ({ group }) => this.compare(this.atHome(), group),
    "comparing-there": ({ backGroup }) => this.compare(this.there, backGroup),
    "comparing-here": ({ homeGroup }) => this.compare(this.atHome(), homeGroup),
    "undo-looking": () => ({ missingCount: objects.length - this.atHome().size }),
    "undo-comparing": ({ homeGroup }) => this.compare(this.there, homeGroup),
    rebuilding: ({ group }, cut) => this.make(this.there, this.contentsOf(group), objects, cut),
    "rebuilding-beside": ({ backGroup, homeGroup, discardChanges }, cut) => {
      const before = this.contentsOf(homeGroup);
      const wanted = objects.filter(
        ({ id }) => !this.home.has(id) || !(discardChanges || isSame(this.home.get(id), before.get(id))),
      );
      const back = this.contentsOf(backGroup);
      // What was rolled back is what came back.
      const open = wanted.filter(({ id }) => !isSame(this.home.get(id), back.get(id)));
      return this.make(this.beside, back, open, cut);
    },
    unmaking: ({ group }, cut) => this.remove(this.there, this.contentsOf(group), cut),
    "unmaking-beside": ({ backGroup }, cut) => this.remove(this.beside, this.contentsOf(backGroup), cut),
    clearing: ({ backGroup }, cut) => this.remove(this.beside, this.contentsOf(backGroup), cut),
    removing: ({ kind, backGroup }, cut) =>
      this.remove(this.there, kind === "test" ? this.there : this.contentsOf(backGroup), cut),
    "undo-removing": ({ homeGroup, group, discardChanges }, cut) =>
      this.remove(this.there, discardChanges ? this.there : this.contentsOf(homeGroup ?? group), cut),
    "rolling-back": ({ backGroup, homeGroup, discardChanges, asBeforeCount = 0, divergedCount = 0 }, cut) => {
      const before = this.contentsOf(homeGroup);
      const back = this.contentsOf(backGroup);
      const meant = objects.filter(({ id }) => this.home.has(id));
      const open = meant.filter(({ id }) => discardChanges || isSame(this.home.get(id), before.get(id)));
      // Of what was looked at nothing may have gone since.
      if (cut || open.length < asBeforeCount + (discardChanges ? divergedCount : 0)) return refused;
      for (const { id } of open) this.home.set(id, back.get(id) ?? []);
      return {};
    },
    placing: () => this.put("there"),
    "placing-again": () => this.put("there"),
    "placing-back": () => this.put("home"),
    "undo-placing": () => this.put("home"),
    starting: ({ kind }) => (kind === "test" ? {} : this.start("there")),
    resuming: () => this.start("there"),
    "starting-here": () => this.start("home"),
    "undo-starting": () => this.start("home"),
  };

  private stop(site: "home" | "there"): StepResult {
    this.on.delete(site);
    return { unstoppable: objects.filter(({ id }) => id !== machine) };
  }

  private start(site: "home" | "there"): StepResult {
    if (this.on.has(site === "home" ? "there" : "home")) this.ranTwice += 1;
    this.on.add(site);
    return {};
  }

  private put(place: "home" | "there"): StepResult {
    this.place = place;
    return {};
  }

  private atHome(): Contents {
    return new Map([...this.home, ...this.beside]);
  }

  private contentsOf(group: Failover["group"]): Contents {
    return (group && this.groups.get(group.id)) ?? new Map();
  }

  private send(contents: Contents): StepResult {
    const id = groupIdAt(this.runs);
    this.groups.set(id, new Map(contents));
    return { group: { id, takenAt: start } };
  }

  private compare(contents: Contents, group: Failover["group"]): StepResult {
    const of = this.contentsOf(group);
    const [there, missing] = [
      objects.filter(({ id }) => contents.has(id)),
      objects.filter(({ id }) => !contents.has(id)),
    ];
    const changed = there.filter(({ id }) => !isSame(contents.get(id), of.get(id)));
    return {
      changed,
      changedCount: changed.length,
      unchangedCount: there.length - changed.length,
      missingCount: missing.length,
    };
  }

  /** A name that is taken is refused, and nothing is written over. */
  private make(
    at: Map<string, Content>,
    contents: Contents,
    wanted: readonly FailoverObject[],
    cut: boolean,
  ): StepResult {
    if (wanted.some(({ id }) => at.has(id))) return refused;
    for (const { id } of cut ? wanted.slice(0, 1) : wanted) at.set(id, contents.get(id) ?? []);
    return cut ? refused : {};
  }

  private remove(at: Map<string, Content>, asOf: Contents, cut: boolean): StepResult {
    for (const [id, content] of cut ? [...at].slice(0, 1) : [...at]) {
      if (!isSame(content, asOf.get(id))) this.leftBehind.push(content);
      at.delete(id);
    }
    return cut ? refused : {};
  }
}

const refused: StepResult = {};
