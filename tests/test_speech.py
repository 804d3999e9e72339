"""What a session says, in each dress: literal texts."""

from emitter.delivery.speech import EVENT_STREAM, FRAMES, PLAIN
from emitter.wire import ping

ONE = '{"type":"agent_thinking","seq":7,"id":"a","payload":{}}'
TWO = '{"type":"agent_thinking","seq":8,"id":"b","payload":{}}'


def test_frames_gather_events() -> None:
    assert FRAMES.events([ONE], 7, "e1") == [ONE]
    assert FRAMES.events([ONE, TWO], 7, "e1") == ['{"type":"batch","events":[' + ONE + "," + TWO + "]}"]
    assert FRAMES.control(ping()) == ['{"type":"ping"}']


def test_a_plain_client_gets_one_event_a_frame_and_nothing_else() -> None:
    with_epoch = [text.replace(',"id"', ',"epoch":"e1","id"') for text in (ONE, TWO)]
    assert PLAIN.events([ONE, TWO], 7, "e1") == with_epoch
    assert PLAIN.control(ping()) == []


def test_an_event_stream_numbers_its_messages() -> None:
    assert EVENT_STREAM.events([ONE, TWO], 7, "e1") == [f"id: e1:7\ndata: {ONE}\n\nid: e1:8\ndata: {TWO}\n\n"]
    assert EVENT_STREAM.control(ping()) == ['event: ping\ndata: {"type":"ping"}\n\n']


def test_nothing_is_said_of_no_events() -> None:
    assert FRAMES.events([], 7, "e1") == PLAIN.events([], 7, "e1") == EVENT_STREAM.events([], 7, "e1") == []
