import type { Time } from "../../../time/time.ts";
import { hostAndPort, type SmtxConfig } from "../../smtx-config.ts";
import { SshRunner } from "./runner.ts";

const sshPort = 22;

/** Nobody is asked anything before there is a command. It must be closed. */
export const openSsh = (
  { hosts, user, keyFile, knownHostsFile }: NonNullable<SmtxConfig["ssh"]>,
  time: Time,
): Promise<SshRunner> =>
  SshRunner.open({ hosts: hosts.map((host) => hostAndPort(host, sshPort)), user, keyFile, knownHostsFile, time });
