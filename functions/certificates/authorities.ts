import { z } from "zod";
import { VisibleError } from "../../core/api/errors.ts";
import type { SiteId } from "../../core/api/ids.ts";
import { jsonIn } from "../../core/api/json.ts";
import type { Clock } from "../../core/ports/clock.ts";
import { type Authority, readAuthority } from "../../pki/authority.ts";
import { Recently } from "../documents/recently.ts";

/** The keys that sign gateways, one for each multi-cluster. */
export interface Authorities {
  /** @throws {VisibleError} AUTHORITY_MISSING when this installation has none for it */
  of(multiCluster: SiteId): Promise<Authority>;
}

/** The installation's authorities, by multi-cluster. */
export const authoritiesOf = (authorities: ReadonlyMap<string, Authority>): Authorities => ({
  of: async (multiCluster) => authorities.get(multiCluster) ?? missing(multiCluster),
});

const missing = (multiCluster: string): never => {
  throw new VisibleError("AUTHORITY_MISSING", `There is no authority for the multi-cluster “${multiCluster}”.`, {
    hint: "Make one with: smtx-backup ca init --multi-cluster NAME --out DIR; and give it to the control plane.",
  });
};

const textsSchema = z.record(z.string(), z.string());
type Texts = z.infer<typeof textsSchema>;

/** What took another's place signs within this time. */
const keptSeconds = 300;
/** Whoever names a multi-cluster that has no authority makes nobody look for it more often. */
const lookedSeconds = 10;

/**
 * Authorities that are kept elsewhere, as a JSON object of multi-clusters, each with the PEM of its
 * authority's certificate and key. They are read when one is needed, and remembered for five
 * minutes; one that is not among them is looked for again after ten seconds. One that can't be used
 * takes nothing from the others.
 * @param read gives the JSON; `of` throws what it throws, and BAD_REQUEST when it is no such
 *   object, without saying what it is
 */
export const authoritiesIn = (read: () => Promise<string>, clock: Clock): Authorities => {
  const kept = new Recently<Texts>(keptSeconds);
  const looked = new Recently<Texts>(lookedSeconds);
  let reading: Promise<Texts> | undefined;
  const readAgain = async (): Promise<Texts> => {
    const at = clock.now();
    const texts = parsed(await read());
    for (const memory of [kept, looked]) memory.set("texts", texts, at);
    return texts;
  };
  const textsFrom = async (memory: Recently<Texts>): Promise<Texts> => {
    const known = memory.get("texts", { clock });
    if (known !== undefined) return known;
    reading ??= readAgain().finally(() => {
      reading = undefined;
    });
    return reading;
  };
  return {
    async of(multiCluster) {
      const pemIn = (texts: Texts) => (Object.hasOwn(texts, multiCluster) ? texts[multiCluster] : undefined);
      const pem = pemIn(await textsFrom(kept)) ?? pemIn(await textsFrom(looked));
      return pem === undefined ? missing(multiCluster) : readAuthority(pem, Date.parse(clock.now()));
    },
  };
};

const parsed = (json: string): Texts => {
  const texts = textsSchema.safeParse(jsonIn(json)).data;
  if (texts !== undefined) return texts;
  throw new VisibleError("BAD_REQUEST", "The control plane's authorities are not a JSON object of PEM texts.", {
    hint: 'Write them as {"MULTI-CLUSTER": "PEM of the certificate and the key"}.',
  });
};
