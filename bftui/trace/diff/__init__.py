"""Two traces compared: settings, actions, trees and numbers."""
