import { plainGeometry } from "../../../../core/extent/geometry.ts";
import packageJson from "../../../../package.json" with { type: "json" };
import { steadyTime, type Time } from "../../../time/time.ts";
import type { StorageCall } from "../../call.ts";
import type { SmtxConfig } from "../../smtx-config.ts";
import { noteAbilities, today } from "../abilities/abilities.ts";
import { putOnlyNode } from "../abilities/only-node.ts";
import { findCluster } from "../cloud-tower/nouns/clusters.ts";
import { listHosts } from "../cloud-tower/nouns/hosts.ts";
import { towerVersion } from "../cloud-tower/nouns/version.ts";
import { openInitiator, portalsOf, type ReachedCluster, reachCluster } from "../reach.ts";
import { TowerRemains } from "../reaper/tower-remains.ts";
import { ProbeGround, stripeCount } from "./ground.ts";
import { askAll } from "./questions.ts";
import { removeProbed } from "./removal.ts";
import { answersByName, answersOf, type ProbeReport, withoutPlaces } from "./report.ts";
import type { SeenAbilities } from "./seen.ts";

const mib = 1024 ** 2;
const contentBytesOtherwise = 64 * mib;
/** For removing what was made, also when nobody waits for the answers any more. */
const removalMs = 120_000;
/** A node that can't be reached is one that there is no way to. */
const impatient = { connectSeconds: 5, loginSeconds: 10, commandSeconds: 20, reconnects: 0 };

export interface ProbeOptions extends StorageCall {
  /** One that nobody sets. */
  readonly time?: Time;
  /** How much is written into each LUN. */
  readonly contentBytes?: number;
  /** How long the cluster's figures of used space may take to be of what is. */
  readonly figuresSeconds?: number;
  /** Told of what is being done. */
  readonly onStep?: (step: string) => void;
}

/**
 * Asks a cluster what only it can tell, writes that down in its records, and removes what that
 * took: also what a probe that died has left. Other gateways' snapshots and restores of the cluster
 * wait meanwhile.
 * @throws what reaching the cluster throws, CLUSTER_BUSY, the signal's reason
 */
export const probeCluster = async (config: SmtxConfig, options: ProbeOptions = {}): Promise<ProbeReport> => {
  const { time = steadyTime, signal, onMoved } = options;
  const call = { ...(signal !== undefined && { signal }), ...(onMoved !== undefined && { onMoved }) };
  const opened: (() => Promise<void>)[] = [];
  const onOpened = (close: () => Promise<void>): void => void opened.push(close);
  try {
    const reached = await reachCluster(config, { time, onOpened, ...call });
    return await askAndNote({ ...reached, config, options: { ...options, time } }, call);
  } finally {
    for (const close of opened.reverse()) await close();
  }
};

interface Probed extends ReachedCluster {
  readonly config: SmtxConfig;
  readonly options: ProbeOptions & { readonly time: Time };
}

const askAndNote = async (probed: Probed, call: StorageCall): Promise<ProbeReport> => {
  const { config, tower, clusterId, ledger, options } = probed;
  const beganMs = options.time.nowMs();
  const about = {
    ...{ day: today(), version: packageJson.version },
    towerVersion: await towerVersion(tower, call),
    clusterVersion: (await findCluster(tower, clusterId, call)).version,
    nodes: (await listHosts(tower, clusterId, call)).length,
  };
  let left: readonly string[] = [];
  let answers: ProbeReport["answers"] = [];
  const waiting = followedUntilBegun(call);
  await ledger.changeAround(
    {
      plan: () => undefined,
      realize: async (_, watch) => {
        waiting.begun();
        const seen = await askAndRemove(probed, withSignal(watch, call.signal));
        left = seen.left;
        answers = answersOf(seen.abilities, config);
        const { answer, node } = seen.abilities.reservationsHoldAcrossNodes ?? {};
        if (answer === "yes" || node !== undefined) await putOnlyNode(tower, { clusterId, node }, watch);
      },
      finish: (database) => noteAbilities(database, { answers: answersByName(answers), day: about.day }),
    },
    { ...call, signal: waiting.signal },
  );
  const seconds = Math.round((options.time.nowMs() - beganMs) / 100) / 10;
  return { ...about, seconds, answers, left: [...left] };
};

/** The caller's signal until the work has begun: from then on it has to be cleared up after. */
const followedUntilBegun = ({ signal }: StorageCall) => {
  const waiting = new AbortController();
  const follow = (): void => waiting.abort(signal?.reason);
  if (signal?.aborted) follow();
  signal?.addEventListener("abort", follow, { once: true });
  return { signal: waiting.signal, begun: () => signal?.removeEventListener("abort", follow) };
};

const withSignal = (call: StorageCall, signal: AbortSignal | undefined): StorageCall => {
  const signals = [call.signal, signal].filter((one) => one !== undefined);
  return { ...call, signal: AbortSignal.any(signals) };
};

/** While nobody else does anything like it on the cluster. */
const askAndRemove = async (
  probed: Probed,
  call: StorageCall,
): Promise<{ readonly abilities: SeenAbilities; readonly left: readonly string[] }> => {
  const { config, options } = probed;
  const { time, contentBytes = contentBytesOtherwise, figuresSeconds = 180, onStep = () => undefined } = options;
  const extentBytes = config.extentBytes ?? plainGeometry.extentBytes;
  const of = { remains: new TowerRemains(probed), time };
  const remove = async (): Promise<readonly string[]> => {
    onStep("removing what was made");
    // What was asked for may still be under way when nobody waits for it any more.
    return removeProbed(of, { signal: AbortSignal.timeout(removalMs), onMoved: () => call.onMoved?.() });
  };
  try {
    const parts = { ...probed, portals: portalsOf(config), time, extentBytes, figuresSeconds };
    const ground = await ProbeGround.make(
      { ...parts, contentBytes: Math.min(contentBytes, extentBytes * stripeCount) },
      call,
    );
    const openAt: Parameters<typeof askAll>[1]["openAt"] = (portals) =>
      openInitiator(config, { time, portals, limits: impatient });
    const abilities = await askAll(ground, { openAt, onStep }, call);
    // The answers took minutes: they are kept also where this fails.
    const left = await remove().catch((error: unknown) => [withoutPlaces(wordsOf(error), config)]);
    return { abilities, left };
  } catch (error) {
    const left = await remove().catch(() => undefined);
    if (left?.length !== 0) onStep("not all could be removed: the next probe does it");
    throw error;
  }
};

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
