import { join } from "node:path";
import { findTool } from "../../infra/local/demo/tools.ts";
import type { Images } from "../cases/images.ts";
import { type PeerName, peerNames } from "../cases/options.ts";
import { borg } from "./borg.ts";
import type { Peer } from "./peer.ts";
import { createRepositoryPeer } from "./repository.ts";
import { restic } from "./restic.ts";
import { createRsync } from "./rsync.ts";

const debianPackages: Readonly<Record<PeerName, string>> = { rsync: "rsync", restic: "restic", borg: "borgbackup" };

/** The peers that are wanted. @throws Error naming what to install where one is missing */
export const requirePeers = async (without: readonly PeerName[]): Promise<readonly PeerName[]> => {
  const wanted = peerNames.filter((name) => !without.includes(name));
  const paths = await Promise.all(wanted.map(findTool));
  const missing = wanted.filter((_, at) => paths[at] === undefined);
  if (missing.length > 0) {
    const install = missing.map((name) => debianPackages[name]).join(" ");
    throw new Error(`Missing here: ${missing.join(", ")}. Install ${install}, or use --without ${missing.join(",")}.`);
  }
  return wanted;
};

export const createPeers = (names: readonly PeerName[], dir: string, images: Images): readonly Peer[] => {
  const at = (name: string) => ({ dir: join(dir, name), images });
  const made: Record<PeerName, () => readonly Peer[]> = {
    rsync: () => [createRsync({ ...at("rsync"), zstd: false }), createRsync({ ...at("rsync-z"), zstd: true })],
    restic: () => [createRepositoryPeer(restic, at("restic"))],
    borg: () => [createRepositoryPeer(borg, at("borg"))],
  };
  return names.flatMap((name) => made[name]());
};
