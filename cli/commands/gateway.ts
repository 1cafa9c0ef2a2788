import type { Command } from "commander";
import { answerOf } from "../context/client.ts";
import { exitCodes } from "../host/exit-codes.ts";
import { siteOption } from "../input/options.ts";
import { gatewayTable } from "../render/gateways/gateway.ts";
import type { Answering } from "./command.ts";
import { addEnrolmentCommands } from "./gateway-enrolment.ts";
import { addProbeCommand } from "./gateway-probe.ts";

const whatColumns = "configuration".length;
const indent = " ".repeat("wrong  ".length + whatColumns + 2);

export const addGatewayCommands = (program: Command, answering: Answering): void => {
  const gateway = program.command("gateway").description("the processes near the clusters that move the data");
  gateway
    .command("run")
    .description("run a gateway until Ctrl-C or SIGTERM; its log goes to standard output, JSON by line")
    .requiredOption("-c, --config <file>", "its configuration, gateway.yaml")
    .option("--stop-with-parent", "end when standard input, a pipe, is closed at its other end", false)
    .action(
      answering(async ({ host }, options: { config: string; stopWithParent: boolean }) => {
        await host.runGateway(options.config, { signal: host.signal, stopWithParent: options.stopWithParent });
        return undefined;
      }),
    );
  gateway
    .command("check")
    .description("say before the first run what is wrong with a gateway's configuration and host, and what to do")
    .requiredOption("-c, --config <file>", "its configuration, gateway.yaml")
    .action(
      answering(async ({ host, style }, options: { config: string }) => {
        const findings = await host.checkGateway(options.config);
        const lines = findings.map(({ what, passed, text, hint }) => {
          const mark = passed ? style.good("ok   ") : style.bad("wrong");
          return `${mark}  ${what.padEnd(whatColumns)}  ${text}${hint === undefined ? "" : `\n${indent}${hint}`}`;
        });
        const exitCode = (findings.every(({ passed }) => passed) ? exitCodes.done : exitCodes.failed).code;
        return { json: { findings }, text: lines.join("\n"), exitCode };
      }),
    );
  addProbeCommand(gateway, answering);
  addEnrolmentCommands(gateway, answering);
  gateway
    .command("list")
    .description("list a site's gateways: which are alive, and whose certificate or clock is wrong")
    .addOption(siteOption("whose gateways").makeOptionMandatory())
    .action(
      answering(async (context, { site }: { site: string }) => {
        const api = await context.connect();
        const answer = await answerOf(api.v1.sites[":site"].gateways.$get({ param: { site } }));
        const text = gatewayTable(answer.items, { style: context.style, site });
        return { json: answer, text };
      }),
    );
};
