import type { Key } from "../../core/ports/store.ts";

/**
 * Documents lie in three tables, so that a function can be kept from some of them.
 * `state`: what is protected, and what has become of it.
 * `access`: who may do what. Of tokens, enrolments, sites and gateways' certificates.
 * `audit`: the trail, whose entries are added and never changed.
 */
export const tableKinds = ["state", "access", "audit"] as const;
export type TableKind = (typeof tableKinds)[number];

const accessPartitions: ReadonlySet<string> = new Set(["TOKENS", "ENROLMENTS", "SITES", "MULTICLUSTER", "TAKENOVER"]);

/** Beside what else is known of the site. */
const accessOfSite = /^(CERTIFICATES|PROOF)#/;

/** Where a document lies, by the first words of its key. */
export const tableOf = ({ partition, sort }: Key): TableKind => {
  const [kind = ""] = partition.split("#", 1);
  if (kind === "AUDIT") return "audit";
  return accessPartitions.has(kind) || accessOfSite.test(sort) ? "access" : "state";
};
