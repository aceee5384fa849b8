"""A Gymnasium vector environment whose devices live on for ever, as Stable-Baselines3 wants one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv

if TYPE_CHECKING:
    from gymnasium.vector import VectorEnv

    Floats = Any


class OneBatch(VecEnv):  # type: ignore[misc]  # no types where Stable-Baselines3 is not installed
    """No loop over devices, no copies between processes. The environment's episodes must have no end."""

    def __init__(self, batch: VectorEnv[Any, Any, Any], seed: int) -> None:
        self.render_mode = None
        super().__init__(batch.num_envs, batch.single_observation_space, batch.single_action_space)
        self._batch = batch
        self._first_seed: int | None = seed
        self._actions: Any = None
        self._infos: list[dict[str, Any]] = [{} for _ in range(batch.num_envs)]

    def reset(self) -> Floats:
        """(num_envs, features)"""
        seed, self._first_seed = self._first_seed, None
        return self._batch.reset(seed=seed)[0]

    def step_async(self, actions: Any) -> None:
        """Only notes them."""
        self._actions = actions

    def step_wait(self) -> tuple[Floats, Floats, Any, list[dict[str, Any]]]:
        """Observations, rewards, that nothing ended, empty infos."""
        observation, reward, _, cut, _ = self._batch.step(self._actions)
        if cut.any():
            raise ValueError("these devices' days must have no end")
        return observation, reward.astype(np.float32), cut, self._infos

    def close(self) -> None:
        """Nothing is open."""
        self._batch.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """What all devices share."""
        return [getattr(self._batch, attr_name, None)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """There is nothing to be set."""
        raise NotImplementedError(attr_name)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """There is nothing to be called."""
        raise NotImplementedError(method_name)

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """None is."""
        del wrapper_class
        return [False] * len(list(self._get_indices(indices)))
