"""From four emitters to one, in 22 tests and three phases.

Phase 1 (``test_multiple_emitter_race_condition_reproduction``, ``test_event_source_validation_fails_with_duplicates``)
runs the four competing emitters as they were (:mod:`.competitors`, on :mod:`.old_world`) and expects each fault by its
own exception (:mod:`.faults`): these tests fail as expected, and a fault that stays away is an error. Phase 2
(``test_unified_emitter_ssot_compliance``, ``test_emitter_consolidation_preserves_golden_path``) and phase 3
(``test_no_race_conditions_single_emitter``, ``test_single_emitter_performance_validation``) hold the one emitter to the
same checks: its own process (:mod:`.stage`), its layer, its sockets. What is measured in seconds is in ``make bench``.
"""
