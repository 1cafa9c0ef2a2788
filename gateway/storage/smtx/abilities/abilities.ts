import type { Database } from "../../extentstore/database/database.ts";

/** What a cluster was seen to do; unknown: nobody has seen it. */
export type AbilityAnswer = "yes" | "no" | "unknown";

/** What only a cluster itself can tell, by the names that records, reports and JSON give it. */
export const abilityNames = [
  /** A LUN becomes what a snapshot of another LUN has. */
  "rollsBackToOthers",
  /** So does the LUN of a virtual volume that no VM has. */
  "rollsBackVolumes",
  /** A clone shares its content with the snapshot, and takes no space of its own. */
  "clonesAreMetadata",
  /** A virtual volume's snapshot can be cloned into a target of ours. */
  "clonesVolumes",
  /** A consistency group takes LUNs of virtual volumes beside plain ones. */
  "groupsTakeVolumes",
  /** Whoever is preempted at one node can't write at another. */
  "reservationsHoldAcrossNodes",
  /** The extent table of a snapshot is shown by its id. */
  "tablesOfSnapshots",
  /** A write of 4 KiB shows as one row. */
  "tablesShowOneRow",
  /** A clone's table has the ids and epochs of the snapshot's. */
  "idsSurviveClone",
  /** The nodes' command line makes a file of a LUN. */
  "makesFiles",
  /** What a clone of a snapshot says to have nothing of (GET LBA STATUS) reads as zeros. */
  "tellsHoles",
] as const;
export type AbilityName = (typeof abilityNames)[number];

export interface Ability {
  readonly answer: AbilityAnswer;
  /** When it was seen last: 2026-11-30. Absent: never. */
  readonly day?: string;
}

export type Abilities = Readonly<Record<AbilityName, Ability>>;

const unknown: Ability = { answer: "unknown" };

/** What the records have of it. Inside a transaction, or a read. */
export const abilitiesOf = (database: Database): Abilities => {
  const rows = database.all<{ name: string; answer: AbilityAnswer; day: string }>("SELECT * FROM abilities");
  const seen = new Map(rows.map(({ name, answer, day }): [string, Ability] => [name, { answer, day }]));
  const entries = abilityNames.map((name) => [name, seen.get(name) ?? unknown] as const);
  return Object.fromEntries(entries) as Record<AbilityName, Ability>;
};

/** As abilities are dated. */
export const today = (): string => new Date().toISOString().slice(0, 10);

/** Writes down what was seen; what was not leaves what was known. Inside a transaction. */
export const noteAbilities = (
  database: Database,
  { answers, day }: { readonly answers: Readonly<Partial<Record<AbilityName, AbilityAnswer>>>; readonly day: string },
): void => {
  for (const name of abilityNames) {
    const answer = answers[name] ?? "unknown";
    if (answer === "unknown") continue;
    database.run(
      "INSERT INTO abilities VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET answer = ?2, day = ?3",
      ...[name, answer, day],
    );
  }
};
