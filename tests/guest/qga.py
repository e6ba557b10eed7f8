# SPDX-License-Identifier: GPL-2.0
"""What qemu-guest-agent says of memory blocks, and does with them."""

import json


def talk(guest):
    """The guest agent's JSON, one line each way."""
    channel = guest.open_channel("org.qemu.guest_agent.0")

    def ask(command, **arguments):
        channel.send(json.dumps({"execute": command, "arguments": {k.replace("_", "-"): v for k, v in arguments.items()}}) + "\n")
        answer = json.loads(guest.wait(channel.line, guest.longer(30)))
        assert "return" in answer, f"{command}: {answer}"
        return answer["return"]
    return ask


def check_blocks(guest):
    """It lists the blocks, and brings all that are offline online and back."""
    ask = talk(guest)
    assert ask("guest-get-memory-block-info")["size"] == int(guest.sh("block_size"))
    blocks = {b["phys-index"]: b for b in ask("guest-get-memory-blocks")}
    offline = [int(number) for number in guest.sh("blocks_that_are offline").split()]
    assert [n for n, b in sorted(blocks.items()) if not b["online"]] == offline, f"offline: {offline}"
    assert all(blocks[number]["can-offline"] for number in offline)

    for online, state in ((True, "online"), (False, "offline")):
        answers = ask("guest-set-memory-blocks", mem_blks=[{"phys-index": n, "online": online} for n in offline])
        assert [a["response"] for a in answers] == ["success"] * len(offline), f"{answers}"
        assert {s for s, _ in guest.zones(offline).values()} == {state}, f"{guest.zones(offline)}"
