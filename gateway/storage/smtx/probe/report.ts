import { z } from "zod";
import type { SmtxConfig } from "../../smtx-config.ts";
import { type AbilityAnswer, type AbilityName, abilityNames } from "../abilities/abilities.ts";
import type { SeenAbilities } from "./seen.ts";

/** What each ability is a question of, for people. */
export const questions: Readonly<Record<AbilityName, string>> = {
  rollsBackToOthers: "Can a LUN be rolled back to another LUN's snapshot?",
  rollsBackVolumes: "Can the LUN of a virtual volume that no VM has?",
  clonesAreMetadata: "Do clones share their content, and take no space?",
  clonesVolumes: "Can a virtual volume's snapshot be cloned into our target?",
  groupsTakeVolumes: "Do consistency groups take virtual volumes' LUNs?",
  reservationsHoldAcrossNodes: "Do reservations hold across nodes?",
  tablesOfSnapshots: "Are the extent tables of snapshots shown?",
  tablesShowOneRow: "Does a write of 4 KiB show as one row?",
  idsSurviveClone: "Does a clone's table keep its ids?",
  makesFiles: "Does the command line make NFS files of LUNs?",
  tellsHoles: "Does a clone tell what it has nothing of?",
};

export const probeReportSchema = z.object({
  day: z.iso.date(),
  /** Of smtx-backup. */
  version: z.string(),
  towerVersion: z.string(),
  clusterVersion: z.string(),
  nodes: z.int(),
  seconds: z.number(),
  answers: z.array(
    z.object({
      ability: z.enum(abilityNames),
      question: z.string(),
      answer: z.enum(["yes", "no", "unknown"]),
      evidence: z.string(),
    }),
  ),
  /** Names of throw-away objects that could not be removed. */
  left: z.array(z.string()),
});
export type ProbeReport = z.infer<typeof probeReportSchema>;

/** One answer for each question, without what tells where the cluster is. */
export const answersOf = (seen: SeenAbilities, config: SmtxConfig): ProbeReport["answers"] =>
  abilityNames.map((ability) => {
    const { answer, evidence } = seen[ability] ?? { answer: "unknown", evidence: "It was not asked." };
    return { ability, question: questions[ability], answer, evidence: withoutPlaces(evidence, config) };
  });

export const answersByName = (answers: ProbeReport["answers"]): Readonly<Record<AbilityName, AbilityAnswer>> =>
  Object.fromEntries(answers.map(({ ability, answer }) => [ability, answer])) as Record<AbilityName, AbilityAnswer>;

/** Addresses and accounts are nobody else's business, though no secrets. */
export const withoutPlaces = (text: string, { cluster, tower, iscsi, ssh }: SmtxConfig): string => {
  const places: readonly (readonly [string, string])[] = [
    [tower.url, "[CloudTower]"],
    [new URL(tower.url).host, "[CloudTower]"],
    ...[...iscsi.portals, ...(ssh?.hosts ?? [])].map((at) => [at, "[node]"] as const),
    ...[...iscsi.portals, ...(ssh?.hosts ?? [])].map((at) => [at.replace(/:\d+$/, ""), "[node]"] as const),
    ...[tower.user, ...(ssh === undefined ? [] : [ssh.user])].map((user) => [`“${user}”`, "[account]"] as const),
    ...(ssh === undefined ? [] : [[`${ssh.user}@`, "[account]@"] as const]),
    [`“${cluster}”`, "[cluster]"],
  ];
  const hidden = places.reduce((left, [place, as]) => left.replaceAll(place, as), text);
  return hidden.replaceAll(/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b/g, "[address]");
};
