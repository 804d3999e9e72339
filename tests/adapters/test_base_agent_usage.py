"""What an old agent remembers of tokens and money, and what its events say of it."""

from decimal import Decimal
from typing import Any

import pytest

from emitter.adapters.agent_websocket_bridge import AgentWebSocketBridge
from emitter.adapters.base_agent import BaseAgent, usage
from emitter.events import Usage

from .rows import events

pytestmark = pytest.mark.django_db(transaction=True)

#: US dollars a token, by model.
PRICES = {"gpt-5": Decimal("0.000010"), "dear": Decimal("0.001")}


@pytest.fixture(autouse=True)
def _prices(monkeypatch: Any) -> None:
    def cost_of(call: Usage, at: Any) -> Decimal | None:
        price = PRICES.get(call.model)
        return None if price is None else price * (call.input_tokens + call.output_tokens)

    monkeypatch.setattr(usage, "cost_of", cost_of)


@pytest.fixture
def agent(context: Any) -> BaseAgent:
    made = BaseAgent(name="analyst")
    made.set_websocket_bridge(AgentWebSocketBridge(context), "run-19")
    return made


def test_a_call_is_remembered_in_a_new_context(agent: Any, context: Any) -> None:
    made = agent.track_llm_usage(agent.track_llm_usage(context, 800, 100, "gpt-5"), 50, 50, "gpt-5", "plan")
    remembered = made.metadata["token_usage"]
    assert [one["operation_type"] for one in remembered["operations"]] == ["execution", "plan"]
    assert (remembered["cumulative_tokens"], remembered["cumulative_cost"]) == (1000, 0.01)
    assert "token_usage" not in context.metadata
    assert (made.run_id, made.request_id) == (context.run_id, context.request_id)


async def test_a_thought_says_what_the_last_call_took(agent: Any, context: Any, key: str) -> None:
    priced = agent.track_llm_usage(context, 800, 20, "gpt-5")
    unpriced = agent.track_llm_usage(priced, 7, 3, "unheard-of")
    for one in (context, priced, unpriced):
        await agent.emit_thinking("Hm", context=one)
    thoughts = [event["payload"]["thought"] for event in await events(key)]
    assert thoughts == ["Hm", "Hm [Tokens: 820, Cost: $0.0082]", "Hm [Tokens: 10]"]


async def test_a_result_says_what_it_cost_and_the_emitter_meters_it(agent: Any, context: Any, key: str) -> None:
    made = agent.track_llm_usage(agent.track_llm_usage(context, 800, 200, "gpt-5"), 10, 10, "unheard-of")
    result = {"answer": 42}
    await agent.emit_agent_completed(result, made)
    payload = (await events(key))[0]["payload"]
    assert payload["result"]["cost_analysis"] == {
        "total_operations": 2,
        "cumulative_cost": 0.01,
        "cumulative_tokens": 1020,
        "average_cost_per_operation": 0.005,
    }
    assert payload["usage"] == {
        "input_tokens": 810,
        "output_tokens": 210,
        "calls": [
            {"model": "gpt-5", "input_tokens": 800, "output_tokens": 200},
            {"model": "unheard-of", "input_tokens": 10, "output_tokens": 10},
        ],
    }
    assert result == {"answer": 42}


async def test_no_call_is_metered_twice(agent: Any, context: Any, key: str) -> None:
    other = BaseAgent(name="reader")
    other.set_websocket_bridge(agent._legacy_bridge, "run-19")
    once = agent.track_llm_usage(context, 1, 0, "gpt-5")
    twice = other.track_llm_usage(agent.track_llm_usage(once, 2, 0, "gpt-5"), 4, 0, "gpt-5")
    await agent.emit_agent_completed({}, once)
    await agent.emit_agent_completed({}, twice)
    await other.emit_agent_completed({}, twice)
    metered = [event["payload"]["usage"]["input_tokens"] for event in await events(key)]
    assert metered == [1, 2, 4]


async def test_alerts_and_savings_are_told_however_they_were_stored(agent: Any, context: Any, key: str) -> None:
    urgent, calm = {"type": "high_cost_agent", "priority": "high"}, {"type": "no_data", "priority": "low"}
    for stored in ([urgent, calm], {"agent_name": "analyst", "suggestions": [urgent, calm]}):
        agent.store_metadata_result(context, "cost_optimization_suggestions", stored)
        agent.store_metadata_result(context, "prompt_optimizations", [{"tokens_saved": 30, "cost_savings": 0.01}])
        await agent.emit_agent_completed(None, context)
    for event in await events(key):
        assert event["payload"]["result"] == {
            "optimization_alerts": [urgent],
            "optimization_summary": {
                "optimizations_applied": 1,
                "total_tokens_saved": 30,
                "total_cost_saved": 0.01,
            },
        }


def test_suggestions_come_with_the_most_urgent_first(agent: Any, context: Any) -> None:
    assert [one["type"] for one in agent.get_cost_optimization_suggestions(context)[1]] == ["no_data"]
    made = agent.track_llm_usage(agent.track_llm_usage(context, 5000, 1000, "dear"), 10, 0, "gpt-5")
    made, found = agent.get_cost_optimization_suggestions(made)
    assert [one["type"] for one in found] == [
        "high_cost_agent",
        "expensive_operation",
        "high_token_usage",
        "global_optimization",
        "model_optimization",
    ]
    assert made.metadata["cost_optimization_suggestions"] == found
    assert [one["potential_savings"] for one in found] == [5.0001, 5.5, 0.0, 1.0001, 0.0]


def test_a_summary_counts_by_agent(agent: Any, context: Any) -> None:
    assert "current_session" not in agent.get_token_usage_summary(context)
    made = BaseAgent(name="reader").track_llm_usage(agent.track_llm_usage(context, 900, 100, "gpt-5"), 5, 5, "dear")
    told = agent.get_token_usage_summary(made)
    assert (told["agents_tracked"], told["total_operations"], told["total_tokens"]) == (2, 2, 1010)
    assert told["agents"]["analyst"] == {"total_operations": 1, "total_cost": 0.01, "total_tokens": 1000}
    assert told["current_session"] == {"operations_count": 2, "cumulative_cost": 0.02, "cumulative_tokens": 1010}


def test_what_is_stored_in_a_context_can_be_read_there(agent: Any, context: Any) -> None:
    agent.store_metadata_batch(context, {"plan": ["read"], "failure": ValueError("gone")})
    agent.store_metadata_result(context, "raw", 7, ensure_serializable=False)
    read = [agent.get_metadata_value(context, key) for key in ("plan", "failure", "raw", "missing")]
    assert read == [["read"], "gone", 7, None]
    assert agent.get_metadata_value(context, "missing", 3) == 3
